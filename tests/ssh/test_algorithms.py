"""Which algorithms are offered when a user has wishes, in the notation of ssh_config."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetctl.errors import NoCommonAlgorithm
from fleetctl.ssh.algorithms import chosen

OURS = ("good", "better", "old-one")
POSSIBLE = (*OURS, "rare", "old-two")

names = st.sampled_from([*POSSIBLE, "unheard-of"])


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ((), ("good", "better", "old-one")),
        (("rare", "good"), ("rare", "good")),
        (("rare", "unheard-of"), ("rare",)),
        (("+rare",), ("good", "better", "old-one", "rare")),
        (("+good", "rare"), ("good", "better", "old-one", "rare")),
        (("^rare", "old-one"), ("rare", "old-one", "good", "better")),
        (("-old-*",), ("good", "better")),
        (("-good", "better"), ("old-one",)),
        (("-unheard-of",), ("good", "better", "old-one")),
    ],
)
def test_wishes_are_read_as_ssh_reads_them(wanted: tuple[str, ...], found: tuple[str, ...]) -> None:
    assert chosen(wanted, OURS, POSSIBLE, "ciphers") == found


@pytest.mark.parametrize("wanted", [("unheard-of",), ("-*",)])
def test_wishes_that_leave_nothing_are_refused_with_what_there_is(wanted: tuple[str, ...]) -> None:
    with pytest.raises(NoCommonAlgorithm) as raised:
        chosen(wanted, OURS, POSSIBLE, "ciphers")
    assert "none of the ciphers wanted is known here" in raised.value.message
    assert "rare" in raised.value.hint


@given(st.sampled_from(["", "+", "^"]), st.lists(names, min_size=1))
def test_what_is_offered_is_possible_and_named_once(sign: str, wanted: list[str]) -> None:
    try:
        found = chosen([f"{sign}{wanted[0]}", *wanted[1:]], OURS, POSSIBLE, "ciphers")
    except NoCommonAlgorithm:
        assert not {*wanted} & {*POSSIBLE}
        return
    assert {*found} <= {*POSSIBLE}
    assert len({*found}) == len(found)
