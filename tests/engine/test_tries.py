"""Commands that may run again: how often, after which failures, and what their outcome tells."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from fleetctl import errors
from fleetctl.cancel import Cancel
from fleetctl.engine.perform import perform
from fleetctl.engine.task import Policy, Task
from fleetctl.events import Outcome, Status
from fleetctl.operations import Context
from fleetctl.operations.command import Command
from fleetctl.operations.repeat import Repeat, until
from fleetctl.ssh.session import Ended
from fleetctl.ssh.stream.hearing import Receive
from fleetctl.transfer.shared import Shared
from tests.support.pools import PlayedPool, as_pool, hosts

Step = int | Exception


def play(repeat: Repeat, *steps: Step, connect: Callable[[str], None] = lambda _: None) -> tuple[Outcome, PlayedPool]:
    """What comes of a command whose tries end like that, one after another."""
    left = list(steps)

    def run(_host: str, receive: Receive, _cancel: Cancel) -> Ended:
        step = left.pop(0)
        receive("stdout", b"x" * 300_000 + b"\nleft: %d\n" % len(left))
        if isinstance(step, Exception):
            raise step
        return Ended(step)

    pool = PlayedPool(run, connect)
    with Cancel() as cancel:
        task = Task(Command("true", repeat=repeat), hosts(1), Policy(retries=0))
        context = Context(task.hosts[0], lambda _stream, _data: None, lambda _: None, cancel, Shared())
        outcome = perform(task, as_pool(pool), context)
    assert not left
    return outcome, pool


def killed(error: errors.FleetError) -> errors.FleetError:
    error.killed = True
    return error


def quick(retries: int = 3, **wanted: object) -> Repeat:
    return Repeat(retries, 0.001, **wanted)  # type: ignore[arg-type]


def test_it_is_run_again_until_it_is_well_and_on_one_connection() -> None:
    late = killed(errors.TimedOut("not done within 1 s"))
    outcome, pool = play(quick(), 1, late, 0)
    assert (outcome.status, outcome.exit_code, outcome.repeats, outcome.remote_ended) == (Status.OK, 0, 2, True)
    assert pool.dialled == ["h000"]


def test_a_try_that_may_run_on_is_followed_by_one_on_a_new_connection() -> None:
    outcome, pool = play(quick(), errors.TimedOut("not done within 1 s"), 0)
    assert (outcome.status, outcome.repeats, outcome.remote_ended) == (Status.OK, 1, False)
    assert pool.dialled == ["h000", "h000"]


@pytest.mark.parametrize(
    ("repeat", "steps", "words"),
    [
        (quick(1), (1, 2), "exit==0 did not hold in 2 tries"),
        (quick(1, until=until("exit!=0")), (0, 0), "exit!=0 did not hold in 2 tries"),
        (quick(2, output="right"), (0, 0, 0), "output like 'right' did not hold in 3 tries"),
    ],
)
def test_a_condition_that_never_holds_is_a_failure(repeat: Repeat, steps: tuple[int, ...], words: str) -> None:
    outcome, _ = play(repeat, *steps)
    assert (outcome.status, outcome.exit_code, outcome.repeats) == (Status.FAILED, steps[-1], repeat.retries)
    assert outcome.error is not None
    assert outcome.error.message == words


def test_a_condition_that_holds_is_success_whatever_the_exit_code_means_elsewhere() -> None:
    outcome, _ = play(quick(until=until("exit in 3,4"), output="^left: 0$"), 3, 0, 4)
    assert (outcome.status, outcome.exit_code, outcome.error, outcome.repeats) == (Status.OK, 4, None, 2)
    outcome, _ = play(quick(output="^left: 0$"), 1)
    assert (outcome.status, outcome.exit_code, outcome.repeats) == (Status.FAILED, 1, 0)


def test_a_lost_connection_is_made_again_within_the_same_count() -> None:
    dials = iter([None, errors.ConnectionRefused("booting"), None])

    def connect(_host: str) -> None:
        error = next(dials)
        if error is not None:
            raise error

    outcome, pool = play(quick(2), errors.ConnectionLost("gone"), 0, connect=connect)
    assert (outcome.status, outcome.repeats, outcome.attempts, len(pool.dialled)) == (Status.OK, 2, 3, 3)
    assert not outcome.remote_ended  # who knows what became of the first


def test_the_last_failure_is_told_and_a_host_that_was_never_reached_is_not_tried_again() -> None:
    outcome, _ = play(quick(1), 1, errors.ConnectionLost("gone"))
    assert (outcome.status, outcome.repeats) == (Status.UNREACHABLE, 1)

    def connect(_host: str) -> None:
        raise errors.ConnectionRefused("x")

    outcome, pool = play(quick(), connect=connect)
    assert (outcome.status, outcome.repeats, len(pool.dialled)) == (Status.UNREACHABLE, 0, 1)


def test_calling_off_ends_a_delay_at_once_and_nothing_runs_on() -> None:
    with Cancel() as cancel:

        def run(_host: str, _receive: Receive, _cancel: Cancel) -> Ended:
            threading.Timer(0.01, cancel.set, ["stop"]).start()
            return Ended(1)

        task = Task(Command("true", repeat=Repeat(3, 3600.0)), hosts(1))
        context = Context(task.hosts[0], lambda _stream, _data: None, lambda _: None, cancel, Shared())
        outcome = perform(task, as_pool(PlayedPool(run)), context)
    assert (outcome.status, outcome.repeats, outcome.remote_ended) == (Status.CANCELLED, 0, True)
