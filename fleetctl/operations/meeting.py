"""Where the hosts of a batch that walk through a job wait for each other, and nowhere else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from fleetctl.cancel import Cancel
from fleetctl.errors import FleetError, OnceFailed, Stopped

Agree = Callable[[str, Cancel], bool]
"""Puts a question to the user; whether the answer is yes. Raises: Cancelled."""

T = TypeVar("T")
_LOOK_SECONDS = 0.5


def nobody_agrees(_question: str, _cancel: Cancel) -> bool:
    """Where nobody can be asked."""
    return False


class Meeting:
    """One for each batch. Thread-safe; each host has a thread of its own, and `seats` of them work at once.

    Args:
        hosts: all that may come.
        stopped: why no host may go on past a meeting, or "".
        agree: asks the user.
    """

    def __init__(
        self, hosts: Iterable[str], seats: int, cancel: Cancel, *, stopped: Callable[[], str], agree: Agree
    ) -> None:
        self._changed = threading.Condition()
        self._walking = set(hosts)
        self._seats = seats
        self._arrived: dict[str, set[str]] = {}
        self._errands: dict[str, _Errand[Any]] = {}
        self._cancel = cancel
        self._stopped = stopped
        self._agree = agree

    @contextmanager
    def seat(self) -> Iterator[None]:
        """One of the places to work, which is given up while its host waits for others. Raises: Cancelled."""
        self._sit()
        try:
            yield
        finally:
            self._rise()

    def leave(self, host: str) -> None:
        """It comes to no meeting any more."""
        with self._changed:
            self._walking.discard(host)
            self._changed.notify_all()

    def passed(self, host: str, point: str) -> None:
        """It has been there before, and waits for nobody."""
        with self._changed:
            self._arrived.setdefault(point, set()).add(host)
            self._changed.notify_all()

    def meet(self, host: str, point: str) -> None:
        """Wait until all hosts that are still on their way have come here.

        Raises: Stopped when the run goes no further; Cancelled.
        """
        self.passed(host, point)
        self._wait(lambda: self._walking <= self._arrived[point])
        if reason := self._stopped():
            raise Stopped(f"stopped before it: {reason}")

    def once(self, host: str, point: str, do: Callable[[], T]) -> tuple[str, T]:
        """What `do` came to on the first host that asked. Returns: that host, and the result.

        Raises: what `do` raises, on that host; OnceFailed on the others; Cancelled.
        """
        with self._changed:
            errand = self._errands.get(point)
            if errand is None:
                errand = self._errands[point] = _Errand(host)
                mine = True
            else:
                mine = errand.host == host
        if not mine:
            self._wait(lambda: errand.over)
            if errand.error is not None:
                raise OnceFailed(f"failed on {errand.host}, for all: {errand.error.message}", hint=errand.error.hint)
            return errand.host, errand.result
        try:
            errand.result = do()
        except FleetError as error:
            errand.error = error
            raise
        except BaseException:
            errand.error = FleetError("it did not end")
            raise
        finally:
            with self._changed:
                errand.over = True
                self._changed.notify_all()
        return host, errand.result

    def agrees(self, host: str, point: str, question: str) -> bool:
        """Whether the user does, who is asked once for all. Raises: Cancelled."""
        _, answer = self.once(host, point, lambda: self._agree(question, self._cancel))
        return answer

    def _wait(self, enough: Callable[[], bool]) -> None:
        """Without a seat. Raises: Cancelled."""
        self._rise()
        try:
            with self._changed:
                while not enough():
                    self._changed.wait(_LOOK_SECONDS)  # nobody wakes us when the run is called off
                    self._cancel.check()
        finally:
            self._sit()

    def _sit(self) -> None:
        with self._changed:
            while self._seats == 0:
                self._changed.wait(_LOOK_SECONDS)
                if self._cancel.is_set():
                    break
            self._seats -= 1

    def _rise(self) -> None:
        with self._changed:
            self._seats += 1
            self._changed.notify_all()


class _Errand(Generic[T]):
    """What one host does for all."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.over = False
        self.result: T
        self.error: FleetError | None = None
