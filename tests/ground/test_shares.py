"""`1,10%,50%`: what it means, and how a whole is cut by it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetctl.shares import Share, cut, share_in, shares_in

shares = st.builds(Share, st.integers(1, 100), st.booleans())


@given(st.lists(st.integers()), st.lists(shares, max_size=4))
def test_the_pieces_are_the_whole_in_order_and_none_is_empty(whole: list[int], given: list[Share]) -> None:
    pieces = list(cut(whole, given))
    assert [item for piece in pieces for item in piece] == whole
    assert all(pieces) or pieces == [[]]


@pytest.mark.parametrize(
    ("text", "total", "sizes"),
    [
        ("1,10%,50%", 100, [1, 10, 50, 39]),
        ("1,10%", 25, [1, *[2] * 12]),
        ("1%", 5, [1] * 5),
        ("100%", 7, [7]),
        ("30", 7, [7]),
        (" 2 , 3 ", 10, [2, 3, 3, 2]),
    ],
)
def test_percents_are_of_all_hosts_and_the_last_share_repeats(text: str, total: int, sizes: list[int]) -> None:
    assert [len(piece) for piece in cut(range(total), shares_in(text))] == sizes


@given(st.lists(shares, min_size=1))
def test_what_is_written_is_read(given: list[Share]) -> None:
    assert shares_in(",".join(map(str, given))) == tuple(given)


@pytest.mark.parametrize("text", ["", "x", "1,", "-1", "101%", "1.5", "0", "1,0%", "%"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write"):
        shares_in(text)


def test_a_budget_may_be_nothing() -> None:
    assert (share_in("0"), share_in("0%")) == (Share(0), Share(0, percent=True))
    assert share_in("10%").of(25) == 2
