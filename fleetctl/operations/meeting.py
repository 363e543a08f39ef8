"""Where the hosts of a batch that walk through a job wait for each other, and nowhere else.

Whoever waits is woken once: when what it waits for is there and it may work, or when the run is called off. Nobody
looks again and again, for there may be thousands.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, Protocol, TypeVar, cast

from fleetctl.cancel import Cancel
from fleetctl.errors import FleetError, OnceFailed, Stopped
from fleetctl.events import Outcome

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

    def note(self, outcome: Outcome) -> None: ...

    def pull(self, reason: str) -> None: ...


class NotForThisHost(Exception):
    """Raised by what one host is to do for all, where it turns out to be for another one."""


class Meeting:
    """One for each batch. Thread-safe; each host has a thread of its own, and `seats` of them work at once.

    Args:
        hosts: all that may come.
        stop: no host goes on past a meeting once it has a reason; it is told how hosts end, and pulled when the user
            does not agree.
        agree: asks the user; called by the thread of any host, by one at a time for each question.
    """

    def __init__(self, hosts: Iterable[str], seats: int, cancel: Cancel, stop: Stop, agree: Agree) -> None:
        self._cancel = cancel
        self._stop = stop
        self._agree = agree
        self._seats = _Seats(seats, cancel)
        self._places_lock = threading.Lock()  # of what follows
        self._walking = set(hosts)
        self._ended: set[str] = set()
        self._points: dict[str, _Point] = {}
        self._errands: dict[tuple[str, ...], _Errand[Any]] = {}

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
                self._seats.queue(point.without(host))

    def ended(self, host: str, outcome: Outcome) -> None:
        """It has ended so, and may only clean up; told before it passes what it does not come to."""
        with self._places_lock:
            told = host in self._ended
            self._ended.add(host)
        if not told:
            self._stop.note(outcome)

    def passed(self, host: str, place: str) -> None:
        """It is there, has been there before, or does not come there: nobody waits for it."""
        with self._places_lock:
            self._seats.queue(self._point(place).without(host))

    def meet(self, host: str, place: str) -> None:
        """Wait until all hosts that are still on their way have come here, or passed it. Raises: Cancelled."""
        self.passed(host, place)
        with self._places_lock:
            turn = self._point(place).turn()
        if turn is not None:
            self._wait(turn)

    def go_on(self) -> None:
        """Raises: Stopped when the run goes no further."""
        if reason := self._stop.reason:
            raise Stopped(f"stopped before it: {reason}")

    def once(self, host: str, place: str, do: Callable[[], T]) -> tuple[str, T]:
        """What `do` came to on the first host that it was for. Returns: that host, and the result.

        Raises: what `do` raises, on the host that did it; OnceFailed, or Stopped, on the others; NotForThisHost;
            Cancelled.
        """
        return self._once(host, (place,), do)

    def agrees(self, host: str, place: str, question: str) -> None:
        """Ask the user, once for all. Raises: Stopped when the answer is no; Cancelled."""
        _, yes = self._once(host, (place, question), lambda: self._agree(question, self._cancel))
        if not yes:
            reason = f"nobody agreed to go on at {place}"
            self._stop.pull(reason)
            raise Stopped(reason)

    def _once(self, host: str, key: tuple[str, ...], do: Callable[[], T]) -> tuple[str, T]:
        with self._places_lock:
            errand = self._errands.setdefault(key, _Errand())
        while (turn := errand.turn(host)) is not None:
            self._wait(turn)
        if errand.over:
            return errand.host, errand.outcome()
        try:
            result = do()
        except NotForThisHost:
            self._seats.queue(errand.pass_on())
            raise
        except FleetError as error:
            self._seats.queue(errand.end(error))
            raise
        except BaseException:
            self._seats.queue(errand.end(FleetError("it did not end")))
            raise
        self._seats.queue(errand.end(None, result))
        return host, result

    def _point(self, place: str) -> _Point:
        if place not in self._points:
            self._points[place] = _Point(self._walking)
        return self._points[place]

    def _wait(self, turn: threading.Event) -> None:
        """Without a seat; who takes the turn has one. Raises: Cancelled."""
        self._seats.give()
        _wait(turn, self._cancel)


class _Point:
    """A place where hosts meet: who is still to come, and who waits. Not thread-safe."""

    def __init__(self, hosts: Iterable[str]) -> None:
        self._missing = set(hosts)
        self._waiting: list[threading.Event] = []

    def turn(self) -> threading.Event | None:
        """What to wait for; None when all have come."""
        if not self._missing:
            return None
        turn = threading.Event()
        self._waiting.append(turn)
        return turn

    def without(self, host: str) -> list[threading.Event]:
        """The host has come, or will not. Returns: whose turn it is now."""
        self._missing.discard(host)
        if self._missing:
            return []
        turns, self._waiting = self._waiting, []
        return turns


class _Errand(Generic[T]):
    """What one host does for all. Thread-safe."""

    def __init__(self) -> None:
        self.host = ""
        self.over = False
        self._turns_lock = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._result: T | None = None
        self._error: FleetError | None = None

    def turn(self, host: str) -> threading.Event | None:
        """What to wait for before this is asked again; None when it is over, or the host is to do it."""
        with self._turns_lock:
            if self.over:
                return None
            if not self.host:
                self.host = host
                return None
            turn = threading.Event()
            self._waiting.append(turn)
            return turn

    def pass_on(self) -> list[threading.Event]:
        """Another host may do it. Returns: whose turn it is now."""
        with self._turns_lock:
            self.host = ""
            return [self._waiting.popleft()] if self._waiting else []

    def end(self, error: FleetError | None, result: T | None = None) -> list[threading.Event]:
        """It is done, or has failed. Returns: whose turn it is now."""
        with self._turns_lock:
            self._error, self._result = error, result
            self.over = True
            turns = list(self._waiting)
            self._waiting.clear()
            return turns

    def outcome(self) -> T:
        """What it came to. Raises: OnceFailed, Stopped."""
        if self._error is None:
            return cast("T", self._result)
        if isinstance(self._error, Stopped):
            raise Stopped(self._error.message, hint=self._error.hint)
        raise OnceFailed(f"failed on {self.host}, for all: {self._error.message}", hint=self._error.hint)


class _Seats:
    """So many places, taken in the order of asking. Once the run is called off nobody counts them any more."""

    def __init__(self, free: int, cancel: Cancel) -> None:
        self._cancel = cancel
        self._seats_lock = threading.Lock()  # of what follows
        self._free = free
        self._standing: deque[threading.Event] = deque()

    def take(self) -> None:
        """Raises: Cancelled."""
        turn = threading.Event()
        self.queue([turn])
        _wait(turn, self._cancel)

    def queue(self, turns: Iterable[threading.Event]) -> None:
        """Those who wait for these may work as soon as there is a seat for each."""
        with self._seats_lock:
            self._standing.extend(turns)
            self._seat_who_stands()

    def give(self) -> None:
        with self._seats_lock:
            self._free += 1
            self._seat_who_stands()

    def _seat_who_stands(self) -> None:
        while self._free > 0 and self._standing:
            self._free -= 1
            self._standing.popleft().set()


def _wait(event: threading.Event, cancel: Cancel) -> None:
    """Raises: Cancelled; the event is set then, too."""
    if not event.is_set():
        with cancel.guard(None, event.set):
            event.wait()
    cancel.check()
