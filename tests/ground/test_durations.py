"""Spans of time as users write them."""

from __future__ import annotations

import pytest

from fleetctl.durations import elapsed, seconds_in


@pytest.mark.parametrize(
    ("text", "seconds"), [("30", 30.0), ("1.5", 1.5), ("500ms", 0.5), ("90s", 90.0), ("5m", 300.0), ("2h", 7200.0)]
)
def test_a_number_with_or_without_a_unit_is_a_span(text: str, seconds: float) -> None:
    assert seconds_in(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "0", "-1", "soon", "5 weeks", "1e3", "nan", "inf"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write 30"):
        seconds_in(text)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 ms"), (0.02, "20 ms"), (0.25, "0.25 s"), (3.44, "3.4 s"), (9.96, "10 s"), (59.4, "59 s"), (60, "1 min"),
        (125, "2 min 5 s"), (3599.6, "1 h"), (12_000, "3 h 20 min"), (187_300, "2 d 4 h"),
    ],
)  # fmt: skip
def test_a_span_of_time_is_told_in_two_units_at_most(seconds: float, words: str) -> None:
    assert elapsed(seconds) == words
