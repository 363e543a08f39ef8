"""A budget that is spent stops what has not begun, at once, and nothing that has."""

from __future__ import annotations

import threading
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from fleetctl.cancel import Cancel
from fleetctl.engine.brake import FAILURES, Brake
from fleetctl.engine.task import Policy, Task
from fleetctl.engine.threads import ThreadEngine
from fleetctl.errors import ConnectionRefused, Overdue
from fleetctl.events import HostFinished, HostStarted, Outcome, Status
from fleetctl.operations.command import Command
from fleetctl.ssh.session import Ended
from fleetctl.ssh.stream.hearing import Receive
from tests.support.pools import PlayedPool, as_pool, hosts

PATIENCE = 30.0


@given(st.lists(st.sampled_from(Status)), st.integers(0, 5))
def test_it_is_pulled_when_more_have_failed_than_may(statuses: list[Status], most: int) -> None:
    brake = Brake(most)
    for status in statuses:
        brake.note(Outcome(status))
    assert bool(brake.reason) == (sum(status in FAILURES for status in statuses) > most)


def test_it_tells_the_first_reason() -> None:
    brake = Brake(1)
    for _ in range(3):
        brake.note(Outcome(Status.FAILED))
    brake.pull("something else")
    assert brake.reason == "2 hosts failed, and 1 may"


def test_workers_begin_nothing_after_the_budget_is_spent_although_nobody_has_read_of_it() -> None:
    """The reader takes one event and no more while a worker fails: the others must not take a further host."""
    failed = threading.Event()
    begun = Counter[str]()
    all_begun = threading.Barrier(4)

    def play(host: str, _receive: Receive, _cancel: Cancel) -> Ended:
        begun[host] += 1
        all_begun.wait(PATIENCE)
        if host == "h000":
            failed.set()
            return Ended(1)
        failed.wait(PATIENCE)
        brake_is_on.wait(PATIENCE)
        return Ended(0)

    brake_is_on = threading.Event()

    class Watched(Brake):
        def note(self, outcome: Outcome) -> None:
            super().note(outcome)
            if self.reason:
                brake_is_on.set()

    with Cancel() as cancel:
        task = Task(Command("true"), hosts(30), Policy(fanout=4))
        events = ThreadEngine(as_pool(PlayedPool(play))).run(task, cancel, Watched(0))
        first = next(events)
        assert brake_is_on.wait(PATIENCE)
        rest = [first, *events]
    assert len(begun) == 4
    assert len([event for event in rest if isinstance(event, HostStarted)]) == 4
    statuses = Counter(event.outcome.status for event in rest if isinstance(event, HostFinished))
    assert statuses == {Status.FAILED: 1, Status.OK: 3, Status.SKIPPED: 26}


def test_what_runs_when_the_time_is_over_is_timed_out_and_the_rest_skipped() -> None:
    begun = threading.Barrier(3)

    def play(_host: str, _receive: Receive, cancel: Cancel) -> Ended:
        begun.wait(PATIENCE)
        cancel.set("the deadline of 5m is over", Overdue)
        cancel.wait(PATIENCE)
        return Ended(0)

    with Cancel() as cancel:
        task = Task(Command("true"), hosts(10), Policy(fanout=3))
        events = list(ThreadEngine(as_pool(PlayedPool(play))).run(task, cancel, Brake()))
    ended = [event.outcome for event in events if isinstance(event, HostFinished)]
    assert Counter(outcome.status for outcome in ended) == {Status.TIMEOUT: 3, Status.SKIPPED: 7}
    assert {outcome.error.message for outcome in ended if outcome.error} == {"the deadline of 5m is over"}


def test_hosts_that_cannot_be_reached_count_unless_they_are_ignored() -> None:
    def refuse(_host: str) -> None:
        raise ConnectionRefused("nobody there")

    def begun(brake: Brake) -> int:
        pool = PlayedPool(lambda _host, _receive, _cancel: Ended(0), refuse)
        with Cancel() as cancel:
            list(ThreadEngine(as_pool(pool)).run(Task(Command("true"), hosts(9), Policy(fanout=1)), cancel, brake))
        return len(pool.dialled)

    assert begun(Brake(2)) == 3
    assert begun(Brake(2, FAILURES - {Status.UNREACHABLE})) == 9
