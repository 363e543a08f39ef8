"""Conditions on the end of a command: how they are written, and when they hold."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fleetctl.operations.repeat import Repeat, Until, until

SIGNS = ("==", "!=", "<", "<=", ">", ">=")
codes = st.integers(0, 2**32 - 1)
single = st.builds(Until, st.sampled_from(SIGNS), st.tuples(codes))
several = st.builds(Until, st.just("in"), st.lists(codes, min_size=1, max_size=5).map(tuple))


@given(single | several)
def test_a_condition_is_read_as_it_is_written(condition: Until) -> None:
    assert until(str(condition)) == condition


@given(sign=st.sampled_from(SIGNS), number=codes, code=codes, gap=st.sampled_from(["", " ", "\t "]))
def test_it_holds_as_in_arithmetic(sign: str, number: int, code: int, gap: str) -> None:
    condition = until(f"{gap}exit{gap}{sign}{gap}{number}{gap}")
    assert condition.holds(code) == eval(f"{code} {sign} {number}")
    assert not condition.holds(None)


def test_it_may_be_one_of_several() -> None:
    assert [until("exit in 0, 3 ,4").holds(code) for code in (0, 1, 3, 4, None)] == [True, False, True, True, False]


@given(condition=single | several, data=st.data(), stray=st.sampled_from("a;-+.=<\u0663\u00e9"))
def test_a_stray_character_is_refused(condition: Until, data: st.DataObject, stray: str) -> None:
    text = str(condition)
    place = data.draw(st.integers(0, len(text)))
    broken = text[:place] + stray + text[place:]
    assume(not (stray == "=" and text[place - 1 : place] in {"<", ">"}))
    with pytest.raises(ValueError, match="write exit==0"):
        until(broken)


@pytest.mark.parametrize(
    "text", ["", "exit", "exit=0", "exit==", "exit==-1", "exit in", "exitin 0", "exit in 0 3", "1==exit"]
)
def test_near_misses_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no condition"):
        until(text)


def test_what_is_wanted_is_told_from_exit_code_and_output() -> None:
    assert [Repeat().held(code, b"") for code in (0, 1)] == [True, False]
    ready = Repeat(output="^ready$")
    assert ready.held(1, b"not yet\nready\n")
    assert not ready.held(0, b"not ready\n")
    both = Repeat(until=until("exit in 0,3"), output="\udcff|ready|\ufffd")
    assert both.held(3, b"\xff")
    assert not both.held(1, b"ready")
    assert str(both).startswith("exit in 0,3 with output like")
