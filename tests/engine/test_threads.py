"""Worker threads: how many, what becomes of a bug, of a cancel in mid-run, of a reader that goes away."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from fleetctl import errors
from fleetctl.cancel import Cancel
from fleetctl.engine.brake import Brake
from fleetctl.engine.task import Policy, Task
from fleetctl.engine.threads import ThreadEngine
from fleetctl.events import Event, HostFinished, Outcome, Output, Status
from fleetctl.operations.command import Command
from fleetctl.ssh.session import Ended
from fleetctl.ssh.stream.hearing import Receive
from tests.support.pools import Play, PlayedPool, as_pool, hosts

PATIENCE = 30.0


def run(pool: PlayedPool, count: int, fanout: int = 8, retries: int = 2) -> list[Event]:
    with Cancel() as cancel:
        task = Task(Command("true"), hosts(count), Policy(fanout=fanout, retries=retries))
        return list(ThreadEngine(as_pool(pool)).run(task, cancel, Brake()))


def outcomes(events: list[Event]) -> dict[str, Outcome]:
    return {event.host: event.outcome for event in events if isinstance(event, HostFinished)}


def fine(_host: str, _receive: Receive, _cancel: Cancel) -> Ended:
    return Ended(0)


@pytest.mark.parametrize(("count", "fanout", "at_once"), [(20, 4, 4), (3, 64, 3)])
def test_fanout_hosts_are_worked_on_at_once_and_no_more(count: int, fanout: int, at_once: int) -> None:
    barrier = threading.Barrier(at_once)
    working: set[int] = set()

    def play(_host: str, _receive: Receive, _cancel: Cancel) -> Ended:
        working.add(threading.get_ident())
        barrier.wait(PATIENCE)
        return Ended(0)

    usable = count - count % at_once
    assert len(outcomes(run(PlayedPool(play), usable, fanout))) == usable
    assert len(working) == at_once


def test_a_fault_of_ours_is_the_outcome_of_one_host() -> None:
    def play(host: str, _receive: Receive, _cancel: Cancel) -> Ended:
        if host == "h003":
            raise ZeroDivisionError("a bug")
        return Ended(0)

    ended = outcomes(run(PlayedPool(play), 10))
    assert Counter(outcome.status for outcome in ended.values()) == {Status.OK: 9, Status.ERROR: 1}
    assert ended["h003"].error is not None
    assert "a bug" in ended["h003"].error.message


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.ConnectionRefused("x"), Status.UNREACHABLE),
        (errors.ConnectTimeout("x"), Status.UNREACHABLE),
        (errors.ConnectionLost("x"), Status.UNREACHABLE),
        (errors.DeniedError("x"), Status.DENIED),
        (errors.KeyUnusable("x"), Status.DENIED),
        (errors.HostKeyChanged("x"), Status.UNTRUSTED),
        (errors.TimedOut("x"), Status.TIMEOUT),
        (errors.ChannelRefused("x"), Status.ERROR),
        (errors.RequestRefused("x"), Status.ERROR),
    ],
)
def test_each_kind_of_error_means_a_status(error: errors.HostError, status: Status) -> None:
    def refuse(_host: str) -> None:
        raise error

    ended = outcomes(run(PlayedPool(fine, refuse), 1))["h000"]
    assert ended.status is status
    assert ended.error is not None
    assert ended.error.code == error.code


def test_a_server_that_turns_us_away_is_tried_again_and_then_works() -> None:
    tries: Counter[str] = Counter()

    def connect(host: str) -> None:
        tries[host] += 1
        if tries[host] <= 2:
            raise errors.TurnedAway("closed before the banner")

    ended = outcomes(run(PlayedPool(fine, connect), 3))
    assert {outcome.status for outcome in ended.values()} == {Status.OK}
    assert {outcome.attempts for outcome in ended.values()} == {3}


def test_retries_end() -> None:
    def connect(_host: str) -> None:
        raise errors.TurnedAway("closed before the banner")

    ended = outcomes(run(PlayedPool(fine, connect), 1, retries=1))["h000"]
    assert (ended.status, ended.attempts) == (Status.UNREACHABLE, 2)


@pytest.mark.parametrize("error", [errors.ConnectionRefused("x"), errors.DeniedError("x"), errors.ProtocolFailure("x")])
def test_no_other_failure_is_tried_again(error: errors.HostError) -> None:
    def connect(_host: str) -> None:
        raise error

    pool = PlayedPool(fine, connect)
    run(pool, 1)
    assert pool.dialled == ["h000"]


def test_a_command_that_was_begun_is_never_begun_again() -> None:
    begun: list[str] = []

    def play(host: str, _receive: Receive, _cancel: Cancel) -> Ended:
        begun.append(host)
        raise errors.ConnectionLost("in the middle")

    ended = outcomes(run(PlayedPool(play), 5))
    assert sorted(begun) == [host.name for host in hosts(5)]
    assert not any(outcome.remote_ended for outcome in ended.values())


def test_called_off_in_mid_run_what_runs_is_cut_and_the_rest_never_begins() -> None:
    begun = threading.Barrier(5)

    def play(_host: str, _receive: Receive, cancel: Cancel) -> Ended:
        begun.wait(PATIENCE)
        cancel.wait(PATIENCE)
        return Ended(0)

    pool = PlayedPool(play)
    with Cancel() as cancel:

        def stop() -> None:
            begun.wait(PATIENCE)
            cancel.set("interrupted")

        stopper = threading.Thread(target=stop)
        stopper.start()
        task = Task(Command("true"), hosts(20), Policy(fanout=4))
        ended = outcomes(list(ThreadEngine(as_pool(pool)).run(task, cancel, Brake())))
        stopper.join(PATIENCE)
    assert Counter(outcome.status for outcome in ended.values()) == {Status.CANCELLED: 20}
    assert len(pool.dialled) == 4


def test_a_reader_that_goes_away_leaves_no_worker_behind() -> None:
    def chatter(_host: str, receive: Receive, cancel: Cancel) -> Ended:
        while not cancel.is_set():
            receive("stdout", b"x" * 1000)
        return Ended(0)

    before = threading.active_count()
    with Cancel() as cancel:
        events = ThreadEngine(as_pool(PlayedPool(chatter))).run(Task(Command("yes"), hosts(8)), cancel, Brake())
        while not isinstance(next(events), Output):
            pass
        events.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_a_reader_that_is_slow_holds_the_hosts_back() -> None:
    sent: Counter[str] = Counter()

    def chatter(host: str, receive: Receive, cancel: Cancel) -> Ended:
        for _ in range(5000):
            receive("stdout", b"x")
            sent[host] += 1
        return Ended(0)

    play: Play = chatter
    with Cancel() as cancel:
        events = ThreadEngine(as_pool(PlayedPool(play))).run(Task(Command("yes"), hosts(4)), cancel, Brake())
        for taken, _event in enumerate(events, 1):
            assert sum(sent.values()) <= taken + 200


def test_fewer_threads_than_hoped_for_do_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start

    def start_some(thread: threading.Thread) -> None:
        if thread.name == "worker-3":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_some)
    assert {outcome.status for outcome in outcomes(run(PlayedPool(fine), 20)).values()} == {Status.OK}


def test_without_any_thread_nothing_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    pool = PlayedPool(fine)
    with pytest.raises(errors.FleetError, match="can't start new thread"):
        run(pool, 3)
