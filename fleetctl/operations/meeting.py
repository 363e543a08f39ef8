"""Where the hosts of a batch that walk through a job wait for each other, and nowhere else.

Whoever waits is woken when what it waits for is there, and when the run is called off. Nobody looks again and again,
for there may be thousands.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, Protocol, TypeVar

from fleetctl.cancel import Cancel
from fleetctl.errors import FleetError, OnceFailed, Stopped

Agree = Callable[[str, Cancel], bool]
"""Puts a question to the user; whether the answer is yes. Raises: Cancelled."""

T = TypeVar("T")


def nobody_agrees(_question: str, _cancel: Cancel) -> bool:
    """Where nobody can be asked."""
    return False


class Stop(Protocol):
    """What stops a run without calling it off; see `Brake`."""

    @property
    def reason(self) -> str: ...

    def pull(self, reason: str) -> None: ...


class NotForThisHost(Exception):
    """Raised by what one host is to do for all, where it turns out to be for another one."""


class Meeting:
    """One for each batch. Thread-safe; each host has a thread of its own, and `seats` of them work at once.

    Args:
        hosts: all that may come.
        stop: no host goes on past a meeting once it has a reason; pulled when the user does not agree.
        agree: asks the user; called by the thread of any host, by one at a time for each question.
    """

    def __init__(self, hosts: Iterable[str], seats: int, cancel: Cancel, stop: Stop, agree: Agree) -> None:
        self._cancel = cancel
        self._stop = stop
        self._agree = agree
        self._seats = _Seats(seats, cancel)
        self._places_lock = threading.Lock()  # of what follows
        self._walking = set(hosts)
        self._points: dict[str, _Point] = {}
        self._errands: dict[str, _Errand[Any]] = {}

    @contextmanager
    def seat(self) -> Iterator[None]:
        """One of the places to work, which is given up while its host waits for others. Raises: Cancelled."""
        self._seats.take()
        try:
            yield
        finally:
            self._seats.give()

    def leave(self, host: str) -> None:
        """It comes to no meeting any more."""
        with self._places_lock:
            self._walking.discard(host)
            for point in self._points.values():
                point.without(host)

    def passed(self, host: str, place: str) -> None:
        """It has been there before, or is there now, and nobody waits for it."""
        with self._places_lock:
            self._point(place).without(host)

    def meet(self, host: str, place: str) -> None:
        """Wait until all hosts that are still on their way have come here.

        Raises: Stopped when the run goes no further; Cancelled.
        """
        self.passed(host, place)
        with self._places_lock:
            point = self._point(place)
        if not self._stop.reason:
            self._wait(point.complete)
        if reason := self._stop.reason:
            raise Stopped(f"stopped before it: {reason}", hint="`fleetctl job resume` goes on here")

    def once(self, host: str, place: str, do: Callable[[], T]) -> tuple[str, T]:
        """What `do` came to on the first host that it was for. Returns: that host, and the result.

        Raises: what `do` raises, on the host that did it; OnceFailed, or Stopped, on the others; NotForThisHost;
            Cancelled.
        """
        with self._places_lock:
            errand = self._errands.setdefault(place, _Errand())
        while not errand.begin(host):
            self._wait(errand.over_or_free)
            if errand.over:
                return errand.host, errand.outcome()
        try:
            result = do()
        except NotForThisHost:
            errand.pass_on()
            raise
        except FleetError as error:
            errand.fail(error)
            raise
        except BaseException:
            errand.fail(FleetError("it did not end"))
            raise
        errand.succeed(result)
        return host, result

    def agrees(self, host: str, place: str, question: str) -> None:
        """Ask the user, once for all. Raises: Stopped when the answer is no; Cancelled."""
        _, yes = self.once(host, f"{place}: {question}", lambda: self._agree(question, self._cancel))
        if not yes:
            reason = f"nobody agreed to go on at {place}"
            self._stop.pull(reason)
            raise Stopped(reason, hint="`fleetctl job resume` goes on here")

    def _point(self, place: str) -> _Point:
        if place not in self._points:
            self._points[place] = _Point(self._walking)
        return self._points[place]

    def _wait(self, event: threading.Event) -> None:
        """Without a seat. Raises: Cancelled."""
        self._cancel.check()
        if event.is_set():
            return
        self._seats.give()
        _wait(event, self._cancel)
        self._seats.take()


class _Point:
    """A place where hosts meet, and who is still to come."""

    def __init__(self, hosts: Iterable[str]) -> None:
        self.complete = threading.Event()
        self._missing = set(hosts)

    def without(self, host: str) -> None:
        self._missing.discard(host)
        if not self._missing:
            self.complete.set()


class _Errand(Generic[T]):
    """What one host does for all. Thread-safe."""

    def __init__(self) -> None:
        self.host = ""
        self.over = False
        self.over_or_free = threading.Event()
        self._taking_lock = threading.Lock()
        self._result: T
        self._error: FleetError | None = None

    def begin(self, host: str) -> bool:
        """Whether the host is to do it."""
        with self._taking_lock:
            if self.host:
                return False
            self.host = host
            self.over_or_free.clear()
            return True

    def pass_on(self) -> None:
        with self._taking_lock:
            self.host = ""
            self.over_or_free.set()

    def succeed(self, result: T) -> None:
        self._result = result
        self._end()

    def fail(self, error: FleetError) -> None:
        self._error = error
        self._end()

    def outcome(self) -> T:
        """Raises: OnceFailed, Stopped."""
        if self._error is None:
            return self._result
        if isinstance(self._error, Stopped):
            raise Stopped(self._error.message, hint=self._error.hint)
        raise OnceFailed(f"failed on {self.host}, for all: {self._error.message}", hint=self._error.hint)

    def _end(self) -> None:
        self.over = True
        self.over_or_free.set()


class _Seats:
    """So many places, taken in the order of asking. Once the run is called off nobody counts them any more."""

    def __init__(self, free: int, cancel: Cancel) -> None:
        self._cancel = cancel
        self._seats_lock = threading.Lock()  # of what follows
        self._free = free
        self._standing: deque[threading.Event] = deque()

    def take(self) -> None:
        """Raises: Cancelled."""
        with self._seats_lock:
            if self._free:
                self._free -= 1
                return
            turn = threading.Event()
            self._standing.append(turn)
        _wait(turn, self._cancel)

    def give(self) -> None:
        with self._seats_lock:
            if self._standing:
                self._standing.popleft().set()
            else:
                self._free += 1


def _wait(event: threading.Event, cancel: Cancel) -> None:
    """Raises: Cancelled; the event is set then, too."""
    with cancel.guard(None, event.set):
        event.wait()
    cancel.check()
