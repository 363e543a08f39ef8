"""Two runs side by side: who changed, how, and who did not."""

from __future__ import annotations

from contextlib import closing

from hypothesis import given

from fleetctl.events import Event, Status, StepCounts, StepStatus
from fleetctl.views.comparison import Change, Comparison
from fleetctl.views.spool import Spool
from tests.support.showing import Paper, begun, ended, over, refused, run_of, said
from tests.views.playing import finished, job_runs, started, step


def compared(before: list[Event], after: list[Event], *, terminal: bool = False) -> tuple[Comparison, str]:
    with closing(Spool()) as spool:
        comparison = Comparison(before, after, spool)
        paper = Paper()
        comparison.show(paper.screen(terminal=terminal))
        return comparison, paper.shown().text


BEFORE = over(
    [
        begun("a", "b", "c", "d", "e", "f", "old"),
        *(event for host in "acef" for event in (said(host, "same\n"), ended(host))),
        said("b", "x\n"), ended("b", Status.FAILED, 1),
        refused("d"),
        said("old", "x\n"), ended("old"),
    ]
)  # fmt: skip
AFTER = over(
    [
        begun("a", "b", "c", "d", "e", "f", "young"),
        said("a", "same\n"), ended("a"),
        said("b", "y\n"), ended("b"),
        refused("c"),
        ended("d", Status.FAILED, 2),
        *(event for host in "ef" for event in (said(host, "other\n"), ended(host))),
        refused("young", "no route"),
    ]
)  # fmt: skip


def test_hosts_are_told_by_what_became_of_them() -> None:
    comparison, text = compared(BEFORE, AFTER)
    assert comparison.differs
    assert text.splitlines() == [
        "went bad (1)",
        "  c  ok → unreachable: connection refused",
        "    @@ -1 +0,0 @@",
        "    -same",
        "still bad (1)",
        "  d  unreachable: connection refused → exit 2",
        "came good (1)",
        "  b  exit 1 → ok",
        "    @@ -1 +1 @@",
        "    -x",
        "    +y",
        "output differs (2)",
        "  e,f",
        "    @@ -1 +1 @@",
        "    -same",
        "    +other",
        "new (1)",
        "  young  unreachable: no route",
        "gone (1)",
        "  old  ok",
    ]
    assert comparison.counts() == dict.fromkeys(Change, 1) | {Change.OUTPUT: 2}
    facts = {one["host"]: one for one in comparison.facts()}
    assert list(facts) == ["a", "b", "c", "d", "e", "f", "young", "old"]
    assert (facts["a"]["change"], facts["a"]["differs"]) == ("same", False)
    assert (facts["c"]["change"], facts["c"]["before"]["status"], facts["c"]["after"]["exit_code"]) == (
        "went-bad",
        "ok",
        None,
    )
    assert (facts["e"]["output_differs"], facts["young"]["before"], facts["old"]["after"]) == (True, None, None)


def test_hosts_that_are_as_bad_as_before_are_told_of_and_no_difference() -> None:
    run = over([begun("a", "b"), refused("a"), said("b", "x"), ended("b")])
    comparison, text = compared(run, run)
    assert not comparison.differs
    assert text == "still bad (1)\n  a  unreachable: connection refused\n"
    assert comparison.counts() == {Change.STILL_BAD: 1, Change.SAME: 1}


def test_what_hosts_say_is_harmless_on_a_terminal() -> None:
    _, text = compared(run_of({"a": "x\n"}), run_of({"a": "\x1b[2Jx\n"}), terminal=True)
    assert "+^[[2Jx" in text


def test_outputs_too_large_to_compare_differ_all_the_same() -> None:
    comparison, text = compared(run_of({"a": "x" * 2_000_000}), run_of({"a": "y"}))
    assert comparison.differs
    assert "(not compared: they are over 1 MiB)" in text


def test_jobs_are_compared_step_by_step() -> None:
    good, bad = finished("a", StepCounts()), finished("a", StepCounts(), Status.FAILED, "restart nginx", exit_code=1)
    before = [started("a"), *step("a", 1, "one\n"), *step("a", 2, "up\n"), *step("a", 3, "fine\n"), good]
    after = [started("a"), *step("a", 1, "one\n", StepStatus.OK)]
    after += [*step("a", 2, "down\n", StepStatus.FAILED, exit_code=1), bad]
    comparison, text = compared(over(before), over(after))
    assert text.splitlines() == [
        "went bad (1)",
        "  a  ok → restart nginx: exit 1",
        "    fetch: changed → ok",
        "    restart nginx: changed → failed: exit 1",
        "    @@ -1 +1 @@",
        "    -up",
        "    +down",
        "    check: changed → not done",
        "    @@ -1 +0,0 @@",
        "    -fine",
    ]
    assert comparison.facts()[0]["steps"] == [
        {"step": "fetch", "before": "changed", "after": "ok", "output_differs": False},
        {"step": "restart nginx", "before": "changed", "after": "failed", "output_differs": True},
        {"step": "check", "before": "changed", "after": None, "output_differs": True},
    ]


def test_a_job_that_has_nothing_left_to_change_is_no_difference() -> None:
    before, after = (
        over([started("a"), *step("a", 1, "x\n", status), *step("a", 2, status=status), finished("a", StepCounts())])
        for status in (StepStatus.CHANGED, StepStatus.OK)
    )
    comparison, text = compared(before, after)
    assert (comparison.differs, text) == (False, "")


@given(before=job_runs(), after=job_runs())
def test_no_two_jobs_break_it(before: list[Event], after: list[Event]) -> None:
    comparison, _ = compared(before, after, terminal=True)
    assert not compared(before, before, terminal=True)[0].differs
    assert len(comparison.facts()) == sum(comparison.counts().values())
