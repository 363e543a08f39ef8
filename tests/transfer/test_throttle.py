"""A limit that many threads keep together, on a clock that only waiting moves."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetctl.cancel import Cancel
from fleetctl.errors import Cancelled
from fleetctl.ssh.sftp.client import Sftp
from fleetctl.transfer.shared import Pace
from fleetctl.transfer.throttle import Throttle
from tests.support.sftp.scripted import Scripted


class Clock(Cancel):
    """Time that passes only while somebody waits; what was waited for is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.check()
        self.waits.append(seconds)
        self.now += seconds


class Still(Clock):
    """Time stands still, so that each wait tells when its turn would have been."""

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)


def test_without_a_limit_nobody_waits() -> None:
    clock = Clock()
    throttle = Throttle(None, clock)
    throttle.take(1 << 40, clock)
    assert clock.waits == []
    assert throttle.piece(32_768) == 32_768


def test_a_quarter_of_a_second_is_let_through_at_once_and_then_the_rate_is_kept() -> None:
    clock = Clock()
    throttle = Throttle(1000, clock)
    throttle.take(250, clock)
    assert clock.waits == []
    throttle.take(250, clock)
    assert clock.waits == [pytest.approx(0.25)]


def test_a_long_rest_saves_up_no_more_than_a_quarter_of_a_second() -> None:
    clock = Clock()
    throttle = Throttle(1000, clock)
    throttle.take(1000, clock)
    clock.waits.clear()
    clock.now += 3600
    throttle.take(1250, clock)
    assert clock.waits == [pytest.approx(1.0)]


def test_more_than_the_burst_is_let_through_and_waited_for() -> None:
    clock = Clock()
    Throttle(1000, clock).take(10_250, clock)
    assert clock.waits == [pytest.approx(10.0)]


@given(st.floats(1, 1e9), st.lists(st.integers(1, 1 << 24), min_size=1, max_size=50))
def test_over_any_stretch_the_rate_is_kept_and_no_time_is_lost(rate: float, sizes: list[int]) -> None:
    clock = Clock()
    throttle = Throttle(rate, clock)
    began = clock.now
    for size in sizes:
        throttle.take(size, clock)
    assert clock.now - began == pytest.approx(max(0.0, sum(sizes) / rate - 0.25), rel=1e-6, abs=1e-6)


def test_everybody_waits_for_those_that_came_before() -> None:
    clock = Still()
    throttle = Throttle(1000, clock)
    for _ in range(4):
        throttle.take(250, clock)
    assert clock.waits == [pytest.approx(seconds) for seconds in (0.25, 0.5, 0.75)]


def test_many_threads_share_one_limit() -> None:
    clock = Still()
    throttle = Throttle(1000, clock)

    def take_often() -> None:
        for _ in range(100):
            throttle.take(10, clock)

    threads = [threading.Thread(target=take_often) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(clock.waits) == pytest.approx(8 * 100 * 10 / 1000 - 0.25)
    assert len({round(seconds, 6) for seconds in clock.waits}) == len(clock.waits)


def test_who_waits_is_called_off() -> None:
    with Cancel() as cancel:
        throttle = Throttle(1)
        other = threading.Thread(target=cancel.set, args=("enough",))
        other.start()
        with pytest.raises(Cancelled):
            throttle.take(1_000_000, cancel)
        other.join()


@pytest.mark.parametrize(
    ("rate", "most", "piece"),
    [(100, 32_768, 4096), (40_000, 32_768, 10_000), (1e9, 32_768, 32_768), (100, 1000, 1000)],
)
def test_pieces_are_small_where_the_limit_is_slow(rate: float, most: int, piece: int) -> None:
    assert Throttle(rate).piece(most) == piece


def test_what_would_have_to_wait_is_known_before() -> None:
    clock = Clock()
    throttle = Throttle(1000, clock)
    assert throttle.has(250)
    assert not throttle.has(251)
    throttle.take(200, clock)
    assert throttle.has(50)
    assert not throttle.has(51)
    assert Throttle(None, clock).has(1 << 40)
    assert clock.waits == []


def test_no_turn_is_waited_for_while_answers_may_come() -> None:
    """Else a host would wait for the turns of all its requests, and with it all others, before it sends the first."""
    clock = Clock()
    sftp = Sftp(Scripted(lambda _: b""))
    pace = Pace(Throttle(100_000, clock), Throttle(None, clock), clock)
    assert [pace.take_next(25_000, sftp, under_way=turn > 0) for turn in range(3)] == [25_000, 0, 0]
    assert clock.waits == []
    assert pace.take_next(25_000, sftp, under_way=False) == 25_000
    assert clock.waits == [pytest.approx(0.25)]


def test_requests_go_out_before_a_turn_is_waited_for() -> None:
    clock = Clock()
    pipe = Scripted(lambda _: b"")
    sftp = Sftp(pipe)
    pace = Pace(Throttle(100_000, clock), Throttle(None, clock), clock)
    pace.take_next(25_000, sftp, under_way=False)
    sftp.stat("x")
    assert len(pipe.requests) == 1
    pace.take_next(25_000, sftp, under_way=False)
    assert len(pipe.requests) == 2
