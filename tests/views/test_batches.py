"""What is told of batches, and of who is still worked on."""

from __future__ import annotations

import json

import msgspec

from fleetctl.cli.going_on import GoOn
from fleetctl.events import (
    BatchFinished,
    BatchStarted,
    ErrorFacts,
    Event,
    HostFinished,
    HostStarted,
    Outcome,
    RunFinished,
    Status,
)
from fleetctl.views import BatchLines, Underway, Verdict
from tests.support.showing import Paper, begun, ended, play, show

STOPPED = ErrorFacts("stopped", "not begun: the check after batch 2 failed")


def skipped(host: str) -> HostFinished:
    return HostFinished(host=host, outcome=Outcome(Status.SKIPPED, error=STOPPED))


RUN: list[Event] = [
    begun("web01", "web02", "web03", "db01"),
    BatchStarted(number=1, batches=3, hosts=("web01",)),
    HostStarted(host="web01"),
    ended("web01"),
    BatchFinished(number=1, check="ok", pause=30.0),
    BatchStarted(number=2, batches=3, hosts=("web02", "web03")),
    ended("web02"),
    ended("web03", Status.FAILED, 3),
    BatchFinished(
        number=2,
        check="failed",
        unhealthy={n: ErrorFacts("check-failed", "exit 1: \x1b[2Jno") for n in ("web02", "web03")},
    ),
    skipped("db01"),
    RunFinished(
        counts={Status.OK: 2, Status.FAILED: 1, Status.SKIPPED: 1}, stopped="the check after batch 2 failed", at=40.0
    ),
]


def talk(*, quiet: bool) -> list[str]:
    paper = Paper()
    play(BatchLines(paper.screen(), quiet=quiet), RUN)
    return paper.shown().talk.splitlines()


def test_each_batch_is_a_line_and_so_is_what_the_run_waits_for() -> None:
    assert talk(quiet=False) == [
        "batch 1 of 3: 1 host",
        "check ok",
        "pausing 30 s",
        "batch 2 of 3: 2 hosts",
        "check failed on web[02-03]: exit 1: no",
    ]
    assert talk(quiet=True) == ["check failed on web[02-03]: exit 1: no", "stopped: the check after batch 2 failed"]


def test_the_closing_lines_say_why_it_was_stopped() -> None:
    paper = Paper()
    play(Verdict(paper.screen(), quiet=False), RUN)
    assert paper.shown().talk.splitlines() == [
        "2 ok · 1 failed · 1 skipped — 4 hosts in 40.0 s — stopped: the check after batch 2 failed",
        "  failed       web03  exit 3",
        "  skipped      db01  not begun: the check after batch 2 failed",
    ]


def go_on(words: list[str], events: list[Event], *, kept: bool) -> str:
    paper = Paper()
    play(GoOn(paper.screen(), words, kept=kept), events)
    return paper.shown().talk


def test_the_last_line_is_the_command_that_goes_on() -> None:
    words = ["run", "-i", "my inventory", "--serial", "df", "-h"]
    assert go_on(words, RUN, kept=True) == "  go on with: fleetctl rerun r1 --unfinished\n"
    assert go_on(words, RUN, kept=False) == (
        "  go on with: fleetctl run -x 'web[01-03]' -i 'my inventory' --serial df -h\n"
    )
    assert go_on([], RUN, kept=False) == "  go on with: the same on -t db01\n"
    assert go_on(words, [event for event in RUN if event != skipped("db01")], kept=True) == ""


def test_a_job_is_gone_on_with_also_where_it_failed() -> None:
    started = msgspec.structs.replace(begun("web01"), steps=("one", "two"))
    failed = HostFinished(host="web01", outcome=Outcome(Status.FAILED, step="two"))
    fine = HostFinished(host="web01", outcome=Outcome(Status.OK))
    over = RunFinished(counts={})
    assert go_on([], [started, failed, over], kept=True) == f"  go on with: fleetctl job resume {started.run}\n"
    assert go_on([], [started, failed, over], kept=False) == go_on([], [started, fine, over], kept=True) == ""


def test_a_json_document_has_the_batches() -> None:
    document = json.loads(show("json", RUN).text)
    failed = {"code": "check-failed", "message": "exit 1: \x1b[2Jno"}
    assert document["batches"] == [
        {"number": 1, "hosts": ["web01"], "check": "ok", "unhealthy": {}},
        {"number": 2, "hosts": ["web02", "web03"], "check": "failed", "unhealthy": {"web02": failed, "web03": failed}},
    ]
    assert document["run"]["stopped"] == "the check after batch 2 failed"
    assert document["run"]["overdue"] is False


def test_who_still_runs_is_told_with_how_long() -> None:
    now = [0.0]
    underway = Underway(lambda: now[0])
    underway.show(begun("web01", "web02", "web03"))
    assert underway.told() == "no host is worked on just now; 0 of 3 hosts are done"
    underway.show(HostStarted(host="web02"))
    now[0] = 61.0
    assert underway.told() == "1 of 3 hosts still runs: web02, for 61 s"
    underway.show(HostStarted(host="web01"))
    assert underway.told() == "2 of 3 hosts still run: web[01-02], the longest web02 for 61 s"
