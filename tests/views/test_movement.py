"""One line tells how far the files of all hosts are, in whatever room there is."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetctl.events import Event, HostFinished, HostStarted, Progress, Status, Totals
from fleetctl.views import Footer, Underway
from fleetctl.views.movement import Movement
from tests.support.showing import Paper, begun, ended, refused
from tests.views.moving import copied, going, moving_runs

MIB = 1024**2


class Watch:
    """A footer that is not drawn, on a terminal of some width, with a clock that is set by hand."""

    def __init__(self, *events: Event, width: int = 200) -> None:
        self.now = 0.0
        self.underway = Underway(lambda: self.now)
        self.footer = Footer(Paper().screen(terminal=True, width=width, clock=lambda: self.now), self.underway)
        self.footer._redraw = lambda: None  # type: ignore[method-assign] # the tests read it when they are ready
        self.at(0.0, *events)

    def at(self, now: float, *events: Event) -> str:
        self.now = now
        for event in events:
            self.underway.show(event)
            self.footer.show(event)
        return re.sub("[█░]+", "BAR", self.footer._text())


def test_hosts_bytes_rate_and_time_left_are_told() -> None:
    watch = Watch(begun("a", "b"), going("a", 0, 30 * MIB), going("b", 0, 10 * MIB))
    told = watch.at(2.0, going("a", 10 * MIB, 30 * MIB), copied("b", Totals(files=1, bytes=10 * MIB)))
    assert told == "1/2 hosts · BAR 50 % · 20.0 of 40.0 MiB · 10.0 MiB/s · ETA 0:02"


def test_until_a_byte_moves_the_footer_is_that_of_any_run() -> None:
    watch = Watch(begun("a", "b"), HostStarted(host="a"))
    assert watch.at(1.0, going("a", 0, MIB)) == "0/2 done · 1 running · 1 s"
    assert watch.at(1.2, going("a", 1, MIB)).startswith("0/2 hosts · BAR 0 %")


def test_hosts_not_yet_begun_count_as_the_mean_of_those_that_are() -> None:
    watch = Watch(begun("a", "b", "c", "d"))
    assert "1.0 of ~8.0 MiB" in watch.at(0.1, going("a", MIB, MIB), going("b", 0, 3 * MIB))
    assert "1.0 of ~4.0 MiB" in watch.at(0.1, copied("a", Totals(files=1, bytes=MIB)), going("b", 0, MIB))


def test_a_host_that_never_came_to_it_has_nothing_to_move() -> None:
    watch = Watch(begun("a", "b"), going("a", MIB, 2 * MIB), refused("b"))
    assert watch.at(0.1) == "1/2 hosts · 1 failed · BAR 50 % · 1.0 of 2.0 MiB"


def test_a_host_that_failed_half_way_holds_nothing_up() -> None:
    watch = Watch(begun("a", "b"), going("a", MIB, 8 * MIB), going("b", 8 * MIB, 8 * MIB))
    assert "9.0 of 9.0 MiB" in watch.at(0.1, ended("a", Status.UNREACHABLE))


def test_hosts_that_have_all_files_make_the_estimate_smaller() -> None:
    watch = Watch(begun("a", "b", "c", "d"), going("a", MIB, 4 * MIB))
    assert "~8.0 MiB" in watch.at(0.1, copied("b", Totals(unchanged=3)))


def test_a_file_that_grew_is_no_more_than_all() -> None:
    assert "BAR 100 % · 3.0 of 3.0 MiB" in Watch(begun("a"), going("a", 3 * MIB, MIB)).at(0.1)


def test_while_no_total_is_known_there_is_no_bar() -> None:
    assert Watch(begun("a"), going("a", 0, 0)).at(2.0, going("a", MIB, 0)) == "0/1 hosts · 1.0 MiB · 512.0 KiB/s"


def test_the_rate_is_that_of_the_last_seconds() -> None:
    watch = Watch(begun("a"), going("a", 0, 1000 * MIB))
    for second in range(1, 31):
        watch.at(float(second), going("a", min(second, 10) * 10 * MIB, 1000 * MIB))
    assert watch.at(30.0).endswith("100.0 of 1000.0 MiB · 0 bytes/s")


def test_long_times_are_told_in_hours() -> None:
    watch = Watch(begun("a"), going("a", 0, 3725 * MIB))
    assert watch.at(1.0, going("a", MIB, 3725 * MIB)).endswith("ETA 1:02:04")


def test_the_slowest_are_named_when_others_are_further() -> None:
    hosts = [f"web{number:02}" for number in range(1, 9)]
    watch = Watch(begun(*hosts), *(going(host, 0, 100) for host in hosts))
    told = watch.at(5.0, *(going(host, 90 if host < "web05" else int(host[-1]), 100) for host in hosts))
    assert told.endswith(" · slowest web05 5 %, web06 6 %, web07 7 %")


def test_a_host_that_began_late_is_not_slow() -> None:
    watch = Watch(begun("a", "b"), going("a", 0, 100))
    watch.at(8.0, going("b", 0, 100))
    assert "slowest" not in watch.at(12.0, going("a", 60, 100), going("b", 20, 100))


def test_the_last_host_is_measured_by_those_that_are_done() -> None:
    watch = Watch(begun("a", "b"), going("a", 0, 100), going("b", 0, 100))
    watch.at(2.0, copied("a", Totals(files=1, bytes=100)))
    assert watch.at(20.0, going("b", 40, 100)).endswith("slowest b 40 %")


def test_who_has_moved_all_and_does_not_end_is_waited_for() -> None:
    watch = Watch(begun("a", "b"), HostStarted(host="a"), HostStarted(host="b"), going("a", 0, 100))
    assert "waiting" not in watch.at(20.0, going("a", 50, 100), going("b", 0, 100))
    watch.at(20.0, copied("b", Totals(files=1, bytes=100)))
    assert watch.at(21.0, going("a", 100, 100)).endswith(" · waiting for a")


def test_who_never_begins_is_waited_for() -> None:
    watch = Watch(begun("a", "b"), HostStarted(host="b"), going("a", 100, 100))
    assert watch.at(20.0, copied("a", Totals(files=1, bytes=100))).endswith(" · waiting for b")


@pytest.mark.parametrize(
    ("width", "told"),
    [
        (100, "0/2 hosts · BAR 45 % · 9.0 of 20.0 MiB · 2.2 MiB/s · ETA 0:05 · slowest b 10 %"),
        (79, "0/2 hosts · BAR 45 % · 9.0 of 20.0 MiB · 2.2 MiB/s · ETA 0:05"),
        (60, "0/2 hosts · BAR 45 % · 9.0 of 20.0 MiB · 2.2 MiB/s"),
        (42, "0/2 hosts · BAR 45 % · 9.0 of 20.0 MiB"),
        (30, "0/2 hosts · BAR 45 %"),
        (15, "0/2 hosts"),
    ],
)
def test_what_matters_least_gives_way_on_a_narrow_terminal(width: int, told: str) -> None:
    watch = Watch(begun("a", "b"), going("a", 0, 10 * MIB), going("b", 0, 10 * MIB), width=width)
    assert watch.at(4.0, going("a", 8 * MIB, 10 * MIB), going("b", MIB, 10 * MIB)) == told


@given(moving_runs(), st.integers(12, 250), st.floats(0.01, 3.0))
def test_any_progress_fits_any_width(run: list[Event], width: int, step: float) -> None:
    movement = Movement()
    movement.begin(6)
    for number, event in enumerate(run):
        now = number * step
        if isinstance(event, Progress):
            movement.go_on(event, now)
        elif isinstance(event, HostFinished):
            movement.finish(event.host, event.outcome, now)
        assert len(movement.line(["3/6 hosts"], ["waiting for a"], width, now)) <= width
