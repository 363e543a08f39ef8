"""Remote text is hostile: nothing in it moves a cursor, hides, or reorders what stands on a terminal."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetctl.events import Event
from fleetctl.views import Layout, sanitize
from tests.support.showing import begun, ended, output_bytes, over, runs, said, show

SGR = re.compile(r"\x1b\[[0-9;:]*m")
ACTIVE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext é 😀", "plain\ttext é 😀"),
        ("a\x1b[2Jb", "ab"),
        ("a\x1b[?1049hb", "ab"),
        ("a\x9b2Jb", "ab"),
        ("a\x1b]0;title\x07b", "ab"),
        ("a\x1b]52;c;ZXZpbA==\x1b\\b", "ab"),
        ("a\x1bPq#0\x1b\\b", "ab"),
        ("a\x1b_apc\x9cb", "ab"),
        ("a\x1b]0;never ended", "a"),
        ("a\x1b[12", "a"),
        ("a\x1b(0b", "ab"),
        ("a\x1bcb", "ab"),
        ("a\x07\x08\x00b\x7f", "a^G^H^@b^?"),
        ("a\x1b", "a^["),
        ("a\u202eb\u2066\u061c", "a\\u202eb\\u2066\\u061c"),
        ("a\x85b", "a\\u0085b"),
        ("a\x1b\x1b[2J[31mb", "a^[[31mb"),
        ("a\x1b[31mb", "ab"),
    ],
)
def test_what_a_terminal_would_act_on_is_dropped_or_spelled_out(text: str, shown: str) -> None:
    assert sanitize(text) == shown


def test_colours_may_pass_and_end_with_the_line() -> None:
    assert sanitize("a\x1b[1;31mb", colour=True) == "a\x1b[1;31mb\x1b[0m"
    assert sanitize("a\x1b[>4;2mb", colour=True) == "ab"


@pytest.mark.parametrize(
    "codes",
    [
        *("", "0", "1", "01;31", ";32", "2;3;4;7", "22;23;24;27", "39;49", "97;107"),
        *("38;5;208", "48;2;1;22;255", "38:5:208", "38:2:1:22:255", "48:2::1:22:255", "1;38;5;9;4"),
    ],
)
def test_ordinary_colours_pass(codes: str) -> None:
    assert sanitize(f"\x1b[{codes}mtext", colour=True) == f"\x1b[{codes}mtext\x1b[0m"


@pytest.mark.parametrize(
    "codes", ["5", "6", "8", "08", "0;8", "31;8;32", "38;8", "38;5;9;8", "38;2;1;2", "4:3;8", "53", "38;5;", "1:8"]
)
def test_text_is_not_concealed_and_does_not_blink(codes: str) -> None:
    assert sanitize(f"\x1b[{codes}mtext", colour=True) == "text"


def left_over(text: str) -> str:
    return "".join(ACTIVE.findall(SGR.sub("", text)))


@given(st.lists(output_bytes, max_size=6), st.booleans())
def test_nothing_active_gets_through_however_it_is_cut(pieces: list[bytes], colour: bool) -> None:
    events: list[Event] = [begun("a"), *(said("a", piece) for piece in pieces), ended("a")]
    shown = show("stream", events, terminal=True, colour=colour).text
    assert left_over(shown) == ""
    assert colour or "\x1b" not in shown


@pytest.mark.parametrize("view", ["stream", "fold", "both", "table"])
@given(run=runs())
def test_nothing_active_gets_through_any_view(view: str, run: list[Event]) -> None:
    assert left_over(show(view, run, terminal=True, colour=True).text) == ""


def test_a_line_that_goes_on_in_pieces_is_neutral_too() -> None:
    events: list[Event] = [
        begun("a"),
        said("a", b"x" * 70_000 + b"\x1b"),
        said("a", b"[2J\xe2\x80"),
        said("a", b"\xae"),
    ]
    assert left_over(show("stream", over([*events, ended("a")]), terminal=True).text) == ""


@pytest.mark.parametrize("view", ["stream", "fold"])
@pytest.mark.parametrize("odd", ["é", "€", "😀", "\x1b[31mred\x1b[0m"])
def test_a_long_line_is_cut_at_no_place_that_shows(view: str, odd: str) -> None:
    longest = 64 * 1024
    text = "x" * (longest - 8) + odd * 9
    raw = text.encode()
    for cut in range(longest - 8, longest + 16):
        pieces = [said("a", raw[:cut]), said("a", raw[cut:])]
        shown = show(view, over([begun("a"), *pieces, ended("a")]), Layout(prefix=False), terminal=True).text
        assert sanitize(text) in shown
