"""Batches, budgets, pauses, checks and deadlines: what begins, what does not, and that no host is forgotten."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetctl.cancel import Cancel
from fleetctl.engine.brake import Brake
from fleetctl.engine.endings import ending
from fleetctl.engine.task import Policy, Task
from fleetctl.errors import FleetError
from fleetctl.events import (
    BatchFinished,
    BatchStarted,
    ErrorFacts,
    Event,
    HostFinished,
    HostStarted,
    Outcome,
    Output,
    RunFinished,
    RunStarted,
    Status,
)
from fleetctl.operations.command import Command
from fleetctl.publishing import Result
from fleetctl.rollout import Check, Means, Rollout, roll_out
from fleetctl.rollout.health import HERE, Health
from fleetctl.shares import Share, shares_in
from tests.support.pools import hosts

PATIENCE = 30.0
OK = Outcome(Status.OK, exit_code=0)
FAILED = Outcome(Status.FAILED, exit_code=1)


class Played:
    """An engine with one worker, whose hosts end as is told; `done` has the tasks that it was given.

    Args:
        meanwhile: called before each host's end, with how many have ended.
    """

    def __init__(
        self,
        ends: Mapping[str, Outcome] | None = None,
        says: bytes = b"",
        meanwhile: Callable[[int, Cancel], None] = lambda _count, _cancel: None,
    ) -> None:
        self._ends = ends or {}
        self._says = says
        self._meanwhile = meanwhile
        self.done: list[Task] = []
        self._count = 0

    def run(self, task: Task, cancel: Cancel, brake: Brake) -> Iterator[Event]:
        self.done.append(task)
        for host in task.hosts:
            if cancel.is_set() or brake.reason:
                yield HostFinished(host=host.name, outcome=ending(cancel, brake, begun=False))
                continue
            yield HostStarted(host=host.name)
            if self._says:
                yield Output(host=host.name, stream="stdout", data=self._says)
            self._meanwhile(self._count, cancel)
            self._count += 1
            outcome = self._ends.get(host.name, OK)
            brake.note(outcome)
            yield HostFinished(host=host.name, outcome=outcome)


def means(engine: Played, checks: Played | None = None, *, agrees: bool = True) -> Means:
    return Means(engine, Health(checks or Played(), Policy()), lambda _question, _cancel: agrees)


def rolled(means: Means, plan: Rollout, count: int = 10, cancel: Cancel | None = None) -> list[Event]:
    with Cancel() as own:
        return list(roll_out(Task(Command("true"), hosts(count)), means, cancel or own, "r1", plan))


def result_of(events: list[Event]) -> Result:
    result = Result()
    for event in events:
        result.take(event)
    return result


def statuses(events: list[Event]) -> Counter[Status]:
    return Counter(event.outcome.status for event in events if isinstance(event, HostFinished))


def begun(events: list[Event]) -> list[str]:
    return [event.host for event in events if isinstance(event, HostStarted)]


shares = st.builds(Share, st.integers(1, 100), st.booleans())


@given(
    st.lists(st.sampled_from(Status), max_size=40),
    st.lists(shares, max_size=3),
    st.none() | st.builds(Share, st.integers(0, 100), st.booleans()),
    st.none() | st.integers(0, 40),
    st.booleans(),
    st.lists(st.booleans(), max_size=3),
)
def test_every_host_ends_exactly_once_whatever_happens(
    ends: list[Status],
    batches: list[Share],
    most: Share | None,
    cancelled_after: int | None,
    ignores: bool,
    ailing: list[bool],
) -> None:
    names = [host.name for host in hosts(len(ends))]
    answers = iter(ailing)

    def call_off(count: int, cancel: Cancel) -> None:
        if count == cancelled_after:
            cancel.set("interrupted")

    class Doctor(Played):
        def run(self, task: Task, cancel: Cancel, brake: Brake) -> Iterator[Event]:
            ill = next(answers, False)
            self._ends = {task.hosts[0].name: FAILED} if ill else {}
            return super().run(task, cancel, brake)

    engine = Played({name: Outcome(status) for name, status in zip(names, ends, strict=True)}, meanwhile=call_off)
    plan = Rollout(tuple(batches), most, ignores, check=Check("true") if ailing else None)
    events = rolled(means(engine, Doctor()), plan, len(ends))

    assert Counter(event.host for event in events if isinstance(event, HostFinished)) == Counter(names)
    assert [event.seq for event in events] == list(range(len(events)))
    assert isinstance(events[0], RunStarted)
    last = events[-1]
    assert isinstance(last, RunFinished)
    assert last.counts == dict(statuses(events))
    assert len(begun(events)) == len(set(begun(events)))
    assert [event.at for event in events] == sorted(event.at for event in events)
    # Batches do not overlap, and each host's events are in its own.
    inside: set[str] = set(names)
    for event in events:
        if isinstance(event, BatchStarted):
            inside = set(event.hosts)
        elif isinstance(event, HostStarted):
            assert event.host in inside
    # Hosts begin in order, and none after the one with which more have failed than may.
    assert begun(events) == names[: len(begun(events))]
    most_of_all = (most or (Share(0) if batches else Share(100, percent=True))).of(len(ends))
    counted = {Status.FAILED, Status.ERROR, Status.UNREACHABLE, Status.DENIED, Status.UNTRUSTED, Status.TIMEOUT}
    failures = [status in counted - ({Status.UNREACHABLE} if ignores else set()) for status in ends]
    assert sum(failures[: len(begun(events)) - 1]) <= most_of_all
    if not last.stopped and not last.cancelled:
        assert begun(events) == names


def test_a_canary_that_fails_stops_all_others() -> None:
    events = rolled(means(Played({"h000": FAILED})), Rollout(shares_in("1,50%")), 10)
    assert begun(events) == ["h000"]
    assert statuses(events) == {Status.FAILED: 1, Status.SKIPPED: 9}
    skipped = next(event.outcome.error for event in events if isinstance(event, HostFinished) and event.host == "h009")
    assert skipped == ErrorFacts("stopped", "not begun: a host failed, and none may")
    result = result_of(events)
    assert (result.exit_code(), result.exit_code(largest=True), result.stopped) == (4, 4, "a host failed, and none may")


def test_a_plain_run_has_neither_batches_nor_a_budget() -> None:
    events = rolled(means(Played({"h000": FAILED})), Rollout(), 10)
    assert statuses(events) == {Status.FAILED: 1, Status.OK: 9}
    assert not [event for event in events if isinstance(event, BatchStarted | BatchFinished)]
    assert result_of(events).exit_code() == 1


def test_batches_follow_one_another_and_are_told() -> None:
    events = rolled(means(Played({"h001": FAILED})), Rollout(shares_in("1,40%"), Share(100, percent=True)), 10)
    starts = [event for event in events if isinstance(event, BatchStarted)]
    assert [(event.number, event.batches, len(event.hosts)) for event in starts] == [
        (1, 4, 1), (2, 4, 4), (3, 4, 4), (4, 4, 1),
    ]  # fmt: skip
    kinds = [type(event).__name__ for event in events if not isinstance(event, HostStarted)]
    assert kinds[:6] == ["RunStarted", "BatchStarted", "HostFinished", "BatchFinished", "BatchStarted", "HostFinished"]
    assert statuses(events) == {Status.OK: 9, Status.FAILED: 1}


def test_a_check_is_made_on_the_hosts_of_the_batch_that_were_ok_and_stops_the_run_when_it_fails() -> None:
    checks = Played({"h003": FAILED}, b"starting\nno answer on port 80\n")
    plan = Rollout(shares_in("3"), Share(5), check=Check("curl localhost", seconds=7))
    events = rolled(means(Played({"h001": FAILED}), checks), plan, 9)
    assert [[host.name for host in task.hosts] for task in checks.done] == [["h000", "h002"], ["h003", "h004", "h005"]]
    assert checks.done[0].operation == Command("curl localhost", timeout=7)
    first, second = [event for event in events if isinstance(event, BatchFinished)]
    assert (first.check, first.unhealthy) == ("ok", {})
    assert second.check == "failed"
    assert second.unhealthy == {"h003": ErrorFacts("check-failed", "exit 1: starting | no answer on port 80")}
    assert statuses(events) == {Status.OK: 5, Status.FAILED: 1, Status.SKIPPED: 3}
    assert (result_of(events).stopped, result_of(events).exit_code()) == ("the check after batch 2 failed", 4)


def test_a_check_that_does_not_end_tells_what_it_said_and_whether_it_may_run_on() -> None:
    late = Outcome(Status.TIMEOUT, error=ErrorFacts("timed-out", "not done within 7 s"), remote_ended=False)
    checks = Played({"h000": late}, b"waiting for port 80\n")
    events = rolled(means(Played(), checks), Rollout(check=Check("curl localhost", seconds=7)), 1)
    (finished,) = [event for event in events if isinstance(event, BatchFinished)]
    assert finished.unhealthy["h000"].message == (
        "timeout: not done within 7 s, and it may still run there: waiting for port 80"
    )


def test_a_check_after_the_only_batch_counts_as_well() -> None:
    events = rolled(means(Played(), Played({"h000": FAILED})), Rollout(check=Check("true")), 2)
    assert [type(event).__name__ for event in events if not isinstance(event, HostStarted)] == [
        "RunStarted", "BatchStarted", "HostFinished", "HostFinished", "BatchFinished", "RunFinished",
    ]  # fmt: skip
    assert result_of(events).exit_code() == 4


def test_no_check_is_made_where_nobody_was_ok_or_the_budget_is_spent() -> None:
    checks = Played()
    all_failed = {host.name: FAILED for host in hosts(2)}
    rolled(means(Played(all_failed), checks), Rollout(max_failures=Share(5), check=Check("true")), 2)
    rolled(means(Played({"h001": FAILED}), checks), Rollout(shares_in("2"), check=Check("true")), 4)
    assert checks.done == []


def test_a_check_here_is_heard_when_it_fails_and_runs_once_a_batch(tmp_path: object) -> None:
    plan = Rollout(shares_in("1"), check=Check(f"echo x >> {tmp_path}/made; test $(wc -l < {tmp_path}/made) = 1 || "
                                               "{ echo oh no; exit 3; }", here=True))  # fmt: skip
    finished = [event for event in rolled(means(Played()), plan, 3) if isinstance(event, BatchFinished)]
    assert [event.check for event in finished] == ["ok", "failed"]
    assert finished[1].unhealthy == {HERE: ErrorFacts("check-failed", "exit 3: oh no")}


def test_between_batches_somebody_may_say_no() -> None:
    asked: list[str] = []

    def agree(question: str, _cancel: Cancel) -> bool:
        asked.append(question)
        return len(asked) < 2

    events = rolled(msgspec.structs.replace(means(Played()), agree=agree), Rollout(shares_in("2"), ask=True), 10)
    assert asked == ["batch 1 of 5 is done. Go on?", "batch 2 of 5 is done. Go on?"]
    assert statuses(events) == {Status.OK: 4, Status.SKIPPED: 6}
    assert result_of(events).stopped == "nobody agreed to go on after batch 2"


@pytest.mark.parametrize("where", ["pause", "check", "check here", "question"])
def test_a_cancel_ends_what_is_between_batches_at_once(where: str) -> None:
    plans = {
        "pause": Rollout(shares_in("1"), pause=600),
        "check": Rollout(shares_in("1"), check=Check("true")),
        "check here": Rollout(shares_in("1"), check=Check("sleep 611", here=True, seconds=600)),
        "question": Rollout(shares_in("1"), ask=True),
    }

    def ask(_question: str, cancel: Cancel) -> bool:
        cancel.wait(PATIENCE)
        return True

    last_before = BatchFinished if where in {"pause", "question"} else HostFinished
    events: list[Event] = []
    with Cancel() as cancel:
        checks = Played(meanwhile=lambda _count, cancel: cancel.wait(PATIENCE))
        means = Means(Played(), Health(checks, Policy()), ask)
        for event in roll_out(Task(Command("true"), hosts(3)), means, cancel, "r1", plans[where]):
            events.append(event)
            if isinstance(event, last_before):
                threading.Timer(0.05, cancel.set, ("interrupted",)).start()
    assert statuses(events) == {Status.OK: 1, Status.CANCELLED: 2}
    assert result_of(events).exit_code() == 130
    assert not [event for event in events if isinstance(event, BatchFinished) and event.check]


def test_out_of_time_the_run_is_called_off_and_that_is_no_interruption() -> None:
    def until_over(count: int, cancel: Cancel) -> None:
        if count == 1:
            assert cancel._flag.wait(PATIENCE)

    engine = Played({"h001": Outcome(Status.TIMEOUT)}, meanwhile=until_over)
    events = rolled(means(engine), Rollout(deadline=0.05), 4)
    assert statuses(events) == {Status.OK: 1, Status.TIMEOUT: 1, Status.SKIPPED: 2}
    result = result_of(events)
    assert (result.cancelled, result.overdue, result.exit_code()) == ("the deadline of 50ms is over", True, 3)


def test_out_of_time_in_a_pause_what_never_began_is_skipped() -> None:
    events = rolled(means(Played()), Rollout(shares_in("1"), pause=600, deadline=0.05), 3)
    assert statuses(events) == {Status.OK: 1, Status.SKIPPED: 2}
    assert (result_of(events).exit_code(), result_of(events).exit_code(largest=True)) == (3, 3)


def test_an_engine_that_fails_is_told_after_all_accounts_are_closed() -> None:
    class Broken(Played):
        def run(self, task: Task, cancel: Cancel, brake: Brake) -> Iterator[Event]:
            if self.done:
                raise FleetError("cannot begin: no more threads")
            yield from super().run(task, cancel, brake)

    seen: list[Event] = []
    with Cancel() as cancel:
        events = roll_out(Task(Command("true"), hosts(6)), means(Broken()), cancel, "r1", Rollout(shares_in("2")))
        with pytest.raises(FleetError, match="no more threads"):
            seen.extend(events)
    assert statuses(seen) == {Status.OK: 2, Status.SKIPPED: 4}
    assert isinstance(seen[-1], RunFinished)
    assert seen[-1].stopped == "cannot begin: no more threads"


def test_what_befell_the_run_comes_before_what_befell_hosts() -> None:
    hosts_ended = {"a": Outcome(Status.UNREACHABLE), "b": Outcome(Status.FAILED, exit_code=9)}
    codes = [
        Result(hosts_ended, "interrupted", "a host failed", unwritten=OSError()).exit_code(),
        Result(hosts_ended, "interrupted", "a host failed").exit_code(),
        Result(hosts_ended, "too late", "a host failed", overdue=True).exit_code(),
        Result({}, "too late", "", overdue=True).exit_code(),
        Result(hosts_ended).exit_code(),
        Result(hosts_ended).exit_code(largest=True),
    ]
    assert codes == [1, 130, 4, 3, 3, 255]
