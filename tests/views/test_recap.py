"""What a job came to, host by host: those of the same story in one row, who is not ok first."""

from __future__ import annotations

from fleetctl.events import Event, Status, StepCounts
from fleetctl.views import Recap
from tests.support.showing import Paper, ended, over, play, run_of
from tests.views.playing import finished, started


def recap(events: list[Event], *, colour: bool = False) -> list[str]:
    paper = Paper()
    play(Recap(paper.screen(terminal=colour, colour=colour)), events)
    return paper.shown().talk.splitlines()


def test_hosts_with_the_same_story_share_a_row_and_who_is_not_ok_comes_first() -> None:
    good = StepCounts(ok=2, changed=11)
    events: list[Event] = [
        started("web01", "web02", "web03", "web04", "web05"),
        finished("web01", good),
        finished("web02", good, seconds=72.0),
        finished("web03", StepCounts(ok=2, failed=1, skipped=3), Status.FAILED, "restart nginx", exit_code=1),
        finished("web04", good, seconds=0.25),
        ended("web05", Status.SKIPPED),
    ]
    assert recap(over(events)) == [
        "         ok  changed  failed  skipped        time  hosts",
        "failed    2        0       1        3       1.2 s  web03 (1), at restart nginx",
        "skipped   0        0       0        0       1.2 s  web05 (1)",
        "ok        2       11       0        0  1 min 12 s  web[01-02,04] (3)",
    ]


def test_a_run_that_is_no_job_has_none() -> None:
    assert recap(run_of({"a": "x\n"})) == []


def test_a_great_many_stories_are_cut() -> None:
    hosts = [f"h{n:02}" for n in range(40)]
    events: list[Event] = [started(*hosts), *(finished(host, StepCounts(ok=n)) for n, host in enumerate(hosts))]
    lines = recap(over(events))
    assert len(lines) == 32
    assert lines[-1] == "and 10 rows more: h[30-39]"


def test_statuses_are_coloured_on_a_terminal_and_names_of_steps_are_harmless() -> None:
    bad = finished("a", StepCounts(failed=1), Status.FAILED, "x\x1b[2J")
    assert recap(over([started("a"), bad]), colour=True)[1] == (
        "\x1b[31mfailed\x1b[0m   0        0       1        0  1.2 s  a (1), at x"
    )
