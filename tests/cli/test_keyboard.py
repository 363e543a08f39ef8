"""Which of the keys are for the shell, and which for us."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetctl.cli.keyboard import Escapes

_keys = st.lists(st.sampled_from([b"~", b".", b"\r", b"\n", b"a", b"~~", b"~.", b"long word"])).map(b"".join)


@pytest.mark.parametrize(
    ("typed", "meant", "leaves"),
    [
        (b"ls\r", b"ls\r", False),
        (b"~.", b"", True),
        (b"ls\r~.rest", b"ls\r", True),
        (b"ls\n~.", b"ls\n", True),
        (b"cd ~.\r", b"cd ~.\r", False),
        (b"~~.", b"~.", False),
        (b"~/bin/x\r", b"~/bin/x\r", False),
        (b"~\r~.", b"~\r", True),
        (b"~", b"", False),
    ],
)
def test_a_tilde_at_the_beginning_of_a_line_is_looked_at(typed: bytes, meant: bytes, leaves: bool) -> None:
    assert Escapes().take(typed) == (meant, leaves)


@given(_keys, st.integers(1, 4))
def test_it_does_not_matter_in_what_pieces_keys_come(typed: bytes, size: int) -> None:
    whole, leaves = Escapes().take(typed)
    escapes, meant, left = Escapes(), b"", False
    for start in range(0, len(typed), size):
        if not left:
            piece, left = escapes.take(typed[start : start + size])
            meant += piece
    assert (meant, left) == (whole, leaves)


@given(_keys)
def test_what_has_no_tilde_at_the_beginning_of_a_line_passes_as_it_is(typed: bytes) -> None:
    harmless = b"x" + typed.replace(b"\r~", b"\r").replace(b"\n~", b"\n").replace(b"\r", b"").replace(b"\n", b"")
    assert Escapes().take(harmless) == (harmless, False)
