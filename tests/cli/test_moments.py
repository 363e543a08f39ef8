"""Points in time as users write them."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import pytest
import typer

from fleetctl.cli.moments import beginning, end

DAY = 86_400


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("12h", DAY / 2), ("2d", 2 * DAY), ("1.5w", 10.5 * DAY)]
)
def test_a_span_is_so_long_ago(text: str, seconds: float) -> None:
    before = time.time()
    assert before - seconds <= beginning(text) + 0.001
    assert end(text) <= time.time() - seconds + 0.001


def test_a_day_begins_at_midnight_and_ends_with_the_next() -> None:
    midnight = datetime(2026, 11, 1).astimezone()
    assert beginning("2026-11-01") == midnight.timestamp()
    assert end("2026-11-01") == (midnight + timedelta(days=1)).timestamp()
    assert end("yesterday") == beginning("today")
    assert beginning("00:00") == beginning("today")


def test_a_time_is_the_time_of_this_machine_unless_it_says_more() -> None:
    assert beginning("2026-11-01 14:30") == end("2026-11-01T14:30") == beginning("2026-11-01") + 14.5 * 3600
    assert beginning("2026-11-01T14:30Z") == 1_793_543_400


@pytest.mark.parametrize("text", ["", "soon", "2x", "25:00", "2026-13-01", "-1d", "9999999999w"])
def test_what_is_no_time_is_told(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is no point in time: write 2d"):
        beginning(text)
