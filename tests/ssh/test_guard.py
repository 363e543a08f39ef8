"""Who may send a password, by what became of it on other hosts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from fleetctl.cancel import Cancel
from fleetctl.errors import Cancelled, TimedOut, Withheld
from fleetctl.model import Secret
from fleetctl.ssh.login.guard import Guard

_PATIENCE = 20.0
_SECRET = Secret("pw")


@pytest.fixture
def workers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as workers:
        yield workers


def _send(guard: Guard, host: str, cancel: Cancel, accepted: bool | None, begun: list[str] | None = None) -> None:
    with guard.turn(_SECRET, host, cancel, _PATIENCE) as turn:
        if begun is not None:
            begun.append(host)
        turn.accepted = accepted


def test_one_rejection_withholds_the_secret_from_all_that_wait(cancel: Cancel, workers: ThreadPoolExecutor) -> None:
    guard = Guard(1)
    begun: list[str] = []
    with guard.turn(_SECRET, "web01", cancel) as turn:
        waiting = [workers.submit(_send, guard, f"h{number}", cancel, True, begun) for number in range(10)]
        turn.accepted = False
    for one in waiting:
        with pytest.raises(Withheld, match="the password was rejected by web01; not tried here"):
            one.result(_PATIENCE)
    assert not begun


def test_after_an_acceptance_all_go_at_once(cancel: Cancel, workers: ThreadPoolExecutor) -> None:
    guard = Guard(1)
    together = threading.Barrier(10)

    def send(host: str) -> None:
        with guard.turn(_SECRET, host, cancel, _PATIENCE) as turn:
            together.wait(_PATIENCE)
            turn.accepted = True

    with guard.turn(_SECRET, "web01", cancel) as turn:
        waiting = [workers.submit(send, f"h{number}") for number in range(10)]
        turn.accepted = True
    for one in waiting:
        one.result(_PATIENCE)


def test_a_rejection_after_an_acceptance_closes_too(cancel: Cancel) -> None:
    guard = Guard(1)
    _send(guard, "web01", cancel, True)
    _send(guard, "web02", cancel, False)
    with pytest.raises(Withheld, match="rejected by web02"):
        _send(guard, "web03", cancel, True)


def test_a_canary_that_decides_nothing_is_followed_by_the_next(cancel: Cancel, workers: ThreadPoolExecutor) -> None:
    guard = Guard(1)
    with guard.turn(_SECRET, "web01", cancel):
        waiting: Future[None] = workers.submit(_send, guard, "web02", cancel, True)
    waiting.result(_PATIENCE)


def test_more_failures_can_be_allowed_and_are_tried_one_at_a_time(cancel: Cancel, workers: ThreadPoolExecutor) -> None:
    guard = Guard(3)
    at_once = threading.Semaphore(1)
    begun: list[str] = []

    def send(host: str) -> None:
        with guard.turn(_SECRET, host, cancel, _PATIENCE) as turn:
            assert at_once.acquire(blocking=False)
            begun.append(host)
            turn.accepted = False
            at_once.release()

    results = [workers.submit(send, f"h{number}") for number in range(10)]
    assert sum(isinstance(one.exception(_PATIENCE), Withheld) for one in results) == 7
    assert len(begun) == 3


def test_another_secret_is_another_matter(cancel: Cancel) -> None:
    guard = Guard(1)
    _send(guard, "web01", cancel, False)
    with guard.turn(Secret("other"), "web01", cancel) as turn:
        turn.accepted = True


def test_the_wait_for_others_ends_in_time(cancel: Cancel, workers: ThreadPoolExecutor) -> None:
    guard = Guard(1, "sudo password")

    def send() -> None:
        with guard.turn(_SECRET, "web02", cancel, 0.05):
            raise AssertionError

    with (
        guard.turn(_SECRET, "web01", cancel),
        pytest.raises(TimedOut, match=r"waited 0\.05 s for other hosts to accept or reject the sudo password"),
    ):
        workers.submit(send).result(_PATIENCE)


def test_the_wait_for_others_ends_when_the_run_is_called_off(cancel: Cancel, workers: ThreadPoolExecutor) -> None:
    guard = Guard(1)
    with guard.turn(_SECRET, "web01", cancel):
        waiting = workers.submit(_send, guard, "web02", cancel, True)
        cancel.set("stop")
        with pytest.raises(Cancelled, match="stop"):
            waiting.result(_PATIENCE)
