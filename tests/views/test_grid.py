"""A job at a terminal: hosts at work and failed ones with a sign for each step, above the line that any run has."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from fleetctl.events import Event, HostStarted, Status, StepCounts, StepStatus
from fleetctl.views import Footer, Underway
from fleetctl.views.grid import Grid
from fleetctl.views.widths import columns
from tests.support.showing import Paper, ended, on_terminal, over, run_of
from tests.views.playing import at, done, finished, job_runs, started, step


def grid(events: list[Event], *, most: int = 15, width: int = 79, now: float = 0.0) -> list[str]:
    """What it shows after these, which came at 0 s."""
    shows = Grid()
    for event in events:
        shows.note(event, 0.0)
    return ["".join(text for text, _ in line) for line in shows.lines(most, width, now)]


def under_way() -> list[Event]:
    failed = finished("db1", StepCounts(), Status.FAILED, "restart nginx", exit_code=1)
    return [
        started("web01", "db1", "web02", "web03", "web04"),
        *(HostStarted(host=host) for host in ("web01", "db1", "web02", "web03")),
        *step("web01", 1),
        at("web01", 2),
        *step("db1", 1, status=StepStatus.SKIPPED),
        *step("db1", 2, status=StepStatus.FAILED, exit_code=1),
        failed,
        *step("web02", 1, status=StepStatus.IGNORED),
        *step("web02", 2, status=StepStatus.OK),
        *(event for number in (1, 2, 3, 4) for event in step("web03", number)),
        finished("web03", StepCounts(changed=4)),
    ]


def test_each_host_at_work_or_failed_has_a_row_with_a_sign_for_each_step_and_what_it_is_at() -> None:
    assert grid(under_way(), now=12.4) == [
        "web01  ●▸· ·  restart nginx 12 s",
        "db1    -✘· ·  restart nginx: exit 1",
        "web02  !✔· ·  waiting 12 s",
        "… and 2 more: 1 ok, 1 to come",
    ]
    assert grid(under_way(), now=0.5)[2] == "web02  !✔· ·  "
    assert grid(under_way(), now=90.0)[0] == "web01  ●▸· ·  restart nginx 1 min 30 s"


def test_only_so_many_rows_are_shown_and_the_rest_is_counted_in_one_line() -> None:
    hosts = [f"h{n:02}" for n in range(40)]
    events: list[Event] = [started(*hosts), *(HostStarted(host=host) for host in hosts[:30])]
    for host in hosts[10:20]:
        events += [at(host, 1), finished(host, StepCounts(), Status.UNREACHABLE, "fetch")]
    lines = grid(events, most=8)
    assert [line.split()[0] for line in lines] == ["h00", "h01", "h02", "h03", "h17", "h18", "h19", "…"]
    assert lines[-1] == "… and 33 more: 7 failed, 16 at work, 10 to come"
    assert len(grid(events, most=1)) == 1
    assert grid(events, most=0) == []


def test_a_row_shows_the_steps_around_the_one_that_it_is_at_where_not_all_fit() -> None:
    many = [*started("a").steps, *(f"s{n}" for n in range(97))]
    shows = Grid()
    shows.note(msgspec.structs.replace(started("a", handlers=()), steps=tuple(many)), 0.0)
    shows.note(HostStarted(host="a"), 0.0)
    for number in (1, 2, 3):
        shows.note(done("a", number), 0.0)

    def row() -> str:
        return "".join(text for text, _ in shows.lines(15, 40, 0.0)[0])

    assert row() == "a  ●●●·······…  "
    shows.note(done("a", 50), 0.0)
    assert row() == "a  …···●·····…  "
    shows.note(done("a", 100), 0.0)
    assert row() == "a  …·········●  "


def test_it_goes_when_the_last_host_is_done_and_is_not_there_for_what_is_no_job() -> None:
    assert grid([started("a"), HostStarted(host="a"), finished("a", StepCounts())]) == []
    assert grid(run_of({"a": "x\n"})[:-2]) == []


@given(run=job_runs(), length=st.integers(0, 40), most=st.integers(0, 6), width=st.integers(1, 60))
def test_no_job_breaks_it_and_it_is_never_too_high(run: list[Event], length: int, most: int, width: int) -> None:
    assert len(grid(run[:length], most=most, width=width)) <= most


def test_it_stands_above_the_footers_line_takes_a_third_of_the_screen_and_goes_with_it() -> None:
    paper = Paper()
    screen = paper.screen(terminal=True, colour=True, width=30, clock=lambda: 0.0)
    underway = Underway(lambda: 0.0)
    footer = Footer(screen, underway)
    hosts = [f"wéb{n:02}" for n in range(20)]
    events: list[Event] = [started(*hosts), *(HostStarted(host=host) for host in hosts), at(hosts[0], 1)]
    for event in events:
        underway.show(event)
        footer.show(event)
    footer.close()
    lines = footer._lines()
    assert len(lines) == 24 // 3 + 1
    screen.footer(*lines)
    screen.write(b"result\n")
    screen.footer(*lines)
    shown = on_terminal(paper.shown().out)
    assert shown[:2] == ["result", "wéb00  ▸·· ·  fetch 0 s"]
    assert shown[-2:] == ["… and 13 more: 13 at work", "0/20 done · 20 running · 0 s"]
    assert b"\x1b[36m\xe2\x96\xb8\x1b[0m" in paper.shown().out
    footer.close()
    assert on_terminal(paper.shown().out) == ["result", ""]


def test_wide_characters_take_two_columns_and_a_line_never_more_than_the_terminal_has() -> None:
    paper = Paper()
    paper.screen(terminal=True, width=10).footer([("更新中文", ""), ("abc\x1b[2J\tdef", "")])
    (line,) = on_terminal(paper.shown().out)
    assert line == "更新中文a"
    assert columns(line) == 9
    assert columns("e\u0301") == 1


def test_an_end_without_a_beginning_counts() -> None:
    events: list[Event] = [started("a", "b"), HostStarted(host="a"), ended("b", Status.SKIPPED)]
    assert grid(over(events))[-1] == "… and 1 more: 1 skipped"
