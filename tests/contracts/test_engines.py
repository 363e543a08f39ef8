"""What every engine owes: each host is accounted for exactly once, whatever happens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from fleetctl.cancel import Cancel
from fleetctl.engine import Engine
from fleetctl.engine.brake import Brake
from fleetctl.engine.dry import DryEngine
from fleetctl.engine.task import Policy, Task
from fleetctl.engine.threads import ThreadEngine
from fleetctl.errors import Overdue
from fleetctl.events import Event, HostFinished, HostStarted, Output, RunFinished, RunStarted, Status
from fleetctl.operations.command import Command
from fleetctl.rollout import Means, roll_out
from fleetctl.ssh.session import Ended
from fleetctl.ssh.stream.hearing import Receive
from tests.support.pools import PlayedPool, as_pool, hosts


def talk(host: str, receive: Receive, _cancel: Cancel) -> Ended:
    receive("stdout", f"hello from {host}\n".encode())
    return Ended(0)


def threads() -> Engine:
    return ThreadEngine(as_pool(PlayedPool(talk)))


ENGINES = [threads, DryEngine]


def task(count: int, fanout: int = 8) -> Task:
    return Task(Command("true"), hosts(count), Policy(fanout=fanout))


def ends(events: list[Event]) -> Counter[str]:
    return Counter(event.host for event in events if isinstance(event, HostFinished))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("count", "fanout"), [(0, 8), (1, 8), (7, 1), (7, 8), (100, 8)])
def test_every_host_finishes_exactly_once(engine: Callable[[], Engine], count: int, fanout: int) -> None:
    given = task(count, fanout)
    with Cancel() as cancel:
        events = list(engine().run(given, cancel, Brake()))
    assert ends(events) == Counter(host.name for host in given.hosts)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_host_starts_before_it_speaks_and_speaks_before_it_finishes(engine: Callable[[], Engine]) -> None:
    with Cancel() as cancel:
        events = list(engine().run(task(20), cancel, Brake()))
    for host in hosts(20):
        kinds = [type(e) for e in events if isinstance(e, HostStarted | Output | HostFinished) and e.host == host.name]
        assert kinds == [HostStarted, Output, HostFinished]


@pytest.mark.parametrize("engine", ENGINES)
def test_called_off_beforehand_every_host_is_cancelled(engine: Callable[[], Engine]) -> None:
    with Cancel() as cancel:
        cancel.set("interrupted")
        events = list(engine().run(task(20), cancel, Brake()))
    outcomes = [event.outcome for event in events if isinstance(event, HostFinished)]
    assert [outcome.status for outcome in outcomes] == ["cancelled"] * 20
    assert all(outcome.error and outcome.error.message == "interrupted" for outcome in outcomes)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_is_numbered_and_counted(engine: Callable[[], Engine]) -> None:
    with Cancel() as cancel:
        events = list(roll_out(task(20), Means(engine()), cancel, "r1"))
    assert [event.seq for event in events] == list(range(len(events)))
    assert isinstance(events[0], RunStarted)
    last = events[-1]
    assert isinstance(last, RunFinished)
    assert sum(last.counts.values()) == 20


@pytest.mark.parametrize("engine", ENGINES)
def test_under_a_brake_no_host_begins_and_all_are_skipped(engine: Callable[[], Engine]) -> None:
    brake = Brake()
    brake.pull("enough")
    with Cancel() as cancel:
        events = list(engine().run(task(20), cancel, brake))
    assert all(isinstance(event, HostFinished) for event in events)
    outcomes = [event.outcome for event in events if isinstance(event, HostFinished)]
    assert [(outcome.status, outcome.error and outcome.error.code) for outcome in outcomes] == [
        ("skipped", "stopped")
    ] * 20


@pytest.mark.parametrize("engine", ENGINES)
def test_a_brake_pulled_in_mid_run_lets_no_further_host_begin(engine: Callable[[], Engine]) -> None:
    brake = Brake(0, [Status.OK, Status.SKIPPED])
    with Cancel() as cancel:
        events = list(engine().run(task(50, fanout=1), cancel, brake))
    assert [event.host for event in events if isinstance(event, HostStarted)] == ["h000"]
    assert len(ends(events)) == 50


@pytest.mark.parametrize("engine", ENGINES)
def test_out_of_time_what_never_began_is_skipped(engine: Callable[[], Engine]) -> None:
    with Cancel() as cancel:
        cancel.set("the deadline is over", Overdue)
        events = list(engine().run(task(3), cancel, Brake()))
    outcomes = [event.outcome for event in events if isinstance(event, HostFinished)]
    assert [(outcome.status, outcome.error and outcome.error.code) for outcome in outcomes] == [
        ("skipped", "overdue")
    ] * 3
