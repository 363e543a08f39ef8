"""A job is told step by step: each when all hosts have it behind them, equal outputs once."""

from __future__ import annotations

import re

import pytest
from hypothesis import given

from fleetctl.events import (
    BatchStarted,
    ErrorFacts,
    Event,
    Output,
    Status,
    StepCounts,
    StepStarted,
    StepStatus,
)
from fleetctl.nodes import expand
from fleetctl.views import Layout
from fleetctl.views import spool as spool_module
from fleetctl.views.steps import StepsView
from tests.support.showing import Paper, over, run_of, said, show
from tests.views.playing import at, done, finished, job_runs, started, step

GROUP = re.compile(r"^  (\S+) \((\d+)\) · ", re.MULTILINE)


def test_each_step_is_told_with_its_counts_and_who_said_what() -> None:
    hint = ErrorFacts("x", "it does not start", hint="look at journalctl")
    events: list[Event] = [
        started("web01", "web02", "web03"),
        *step("web01", 1, "got it\n"),
        *step("web02", 1, "got it\n"),
        *step("web03", 1, "got it"),
        *step("web01", 2),
        *step("web02", 2, "try\n", StepStatus.FAILED, err="Job failed\nbadly", exit_code=1, error=hint),
        *step("web03", 2, status=StepStatus.SKIPPED, why="creates: /etc/x is there"),
        *step("web01", 3, status=StepStatus.OK),
        *step("web03", 3, status=StepStatus.OK),
        *step("web01", 4, "reloaded\n"),
        *(finished(host, StepCounts()) for host in ("web01", "web02", "web03")),
    ]
    assert show("steps", over(events)).text == (
        "step 1/3  fetch · 3 changed\n"
        "  web[01-02] (2) · changed\n"
        "    got it\n"
        "  web03 (1) · changed\n"
        "    got it\n"
        "step 2/3  restart nginx · 1 changed, 1 skipped, 1 failed\n"
        "  web02 (1) · failed: exit 1: it does not start\n"
        "    try\n"
        "    ! Job failed\n"
        "    ! badly\n"
        "    → look at journalctl\n"
        "  web01 (1) · changed\n"
        "  web03 (1) · skipped: creates: /etc/x is there\n"
        "step 3/3  check · 2 ok\n"
        "handler 1/1  reload · 1 changed\n"
        "  web01 (1) · changed\n"
        "    reloaded\n"
    )


def test_a_step_where_all_are_skipped_for_the_same_reason_is_one_line() -> None:
    parts = [step(host, 1, status=StepStatus.SKIPPED, why="when: vars.x") for host in ("a", "b")]
    assert show("steps", over([started("a", "b"), *parts[0], *parts[1]])).text == (
        "step 1/3  fetch · 2 skipped: when: vars.x\n"
    )


def test_what_one_host_did_for_all_is_told_so() -> None:
    events = [started("a", "b", "c"), *step("b", 1, "migrated\n", once="b")]
    for host in ("a", "c"):
        events += step(host, 1, once="b")
    assert show("steps", over(events)).text == (
        "step 1/3  fetch · 3 changed\n"
        "  a,c (2) · changed: done on b\n"
        "  b (1) · changed\n"
        "    migrated\n"
    )  # fmt: skip


def test_an_ignored_failure_and_a_host_that_was_cut_off_in_mid_step_are_told_with_their_reasons() -> None:
    lost = ErrorFacts("connection-lost", "connection lost", hint="is it up?")
    events: list[Event] = [
        started("a", "b"),
        *step("a", 1, status=StepStatus.IGNORED, exit_code=7),
        at("b", 1),
        said("b", "half"),
        finished("b", StepCounts(), Status.UNREACHABLE, "fetch", error=lost),
    ]
    assert show("steps", over(events)).text == (
        "step 1/3  fetch · 1 ignored, 1 unreachable\n"
        "  a (1) · ignored: exit 7\n"
        "  b (1) · unreachable: connection lost\n"
        "    half\n"
        "    → is it up?\n"
    )


def test_a_step_is_told_as_soon_as_the_last_host_has_it_behind_it_and_not_before() -> None:
    paper = Paper()
    view = StepsView(paper.screen(), Layout())

    def told_after(*events: Event) -> list[str]:
        before = len(paper.out.getvalue())
        for event in events:
            view.show(event)
        return [line.split(" · ")[0] for line in paper.out.getvalue()[before:].decode().splitlines()]

    assert told_after(started("a", "b", "c"), *step("a", 1), *step("a", 2), *step("b", 1)) == []
    assert told_after(finished("c", StepCounts(), Status.SKIPPED)) == ["step 1/3  fetch"]
    assert told_after(at("b", 3)) == ["step 2/3  restart nginx"]
    assert told_after(done("b", 3), finished("b", StepCounts())) == []
    assert told_after(finished("a", StepCounts())) == ["step 3/3  check"]
    view.close()


def test_batches_are_told_one_after_the_other() -> None:
    events: list[Event] = [started("a", "b")]
    for number, host in enumerate(("a", "b"), 1):
        events += [BatchStarted(number=number, batches=2, hosts=(host,)), *step(host, 1), finished(host, StepCounts())]
    assert show("steps", over(events)).text == (
        "step 1/3  fetch (batch 1 of 2) · 1 changed\nstep 1/3  fetch (batch 2 of 2) · 1 changed\n"
    )


def test_hosts_and_steps_cannot_act_on_a_terminal() -> None:
    bad = "\x1b[2Jx\x1b[31mred"
    events = [started("a"), *step("a", 1, f"{bad}\n", StepStatus.FAILED, error=ErrorFacts("x", bad, hint=bad))]
    shown = show("steps", over(events), terminal=True).text
    assert "\x1b" not in shown
    assert "xred" in shown


def test_words_are_coloured_on_a_terminal() -> None:
    shown = show("steps", over([started("a"), *step("a", 1, "hi\n")]), terminal=True, colour=True).text
    assert shown == "\x1b[1mstep 1/3  fetch\x1b[0m · 1 changed\n  a (1) · \x1b[33mchanged\x1b[0m\n    hi\n"


def test_a_run_that_is_no_job_is_told_as_fold_tells_it() -> None:
    run = run_of({"a": "x\n", "b": "x\n"})
    assert show("steps", run) == show("fold", run)


@given(run=job_runs())
def test_every_host_is_told_of_once_in_each_step_that_it_began(run: list[Event]) -> None:
    begun = sorted((event.number, event.host) for event in run if isinstance(event, StepStarted))
    told: list[tuple[int, str]] = []
    for number, body in re.findall(r"^(?:step|handler) (\d)/\d  \S.*\n((?:  .*\n)*)", named(run), re.MULTILINE):
        told += [(int(number), host) for names, _ in GROUP.findall(body) for host in expand(names)]
    assert sorted(told) == begun


def named(run: list[Event]) -> str:
    """What is told of the run when everybody says something else, so that each has a line, and handlers are steps."""
    events: list[Event] = []
    for event in run:
        if isinstance(event, Output):
            continue
        if isinstance(event, StepStarted):
            events += [event, said(event.host, f"{event.host}\n")]
        else:
            events.append(event)
    text = show("steps", events).text
    return text.replace("handler 1/1", "handler 4/4")


@pytest.mark.parametrize("memory", [0, 100])
def test_what_has_been_told_is_not_kept(monkeypatch: pytest.MonkeyPatch, memory: int) -> None:
    monkeypatch.setattr(spool_module, "_MEMORY", memory)
    monkeypatch.setattr(spool_module, "_BLOCK", 16)
    paper = Paper()
    view = StepsView(paper.screen(), Layout())
    text = "the same in each step and on each host\n"
    events = [started("a", "b"), *step("a", 1, text), *step("a", 2, text)]
    events += [*step("b", 1, text), *step("b", 2, text), *step("a", 3, text), *step("b", 3, f"{text}{text}")]
    for event in events:
        view.show(event)
    assert paper.shown().text.count(text) == 1 + 1 + 3
    assert not view._spool._known
    assert view._spool._in_memory == 0
    view.close()
