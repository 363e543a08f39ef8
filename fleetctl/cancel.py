"""One flag that calls a run off, and the deadlines that end what would otherwise wait for ever.

Several waits in paramiko take no time-out (channel.py: `_wait_for_event`), so a deadline cannot be
checked by the one who waits: one timer thread per `Cancel` ends the wait from outside.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from fleetctl.errors import Cancelled, FleetError, Overdue

_JOIN_SECONDS = 5.0
_IDLE_SECONDS = 3600.0


class Guard:
    """A stretch of work with a deadline; `expired` tells afterwards whether it was hit."""

    __slots__ = ("_act", "deadline", "expired")

    def __init__(self, deadline: float, act: Callable[[], None]) -> None:
        self.deadline = deadline
        self.expired = False
        self._act: Callable[[], None] | None = act

    def __lt__(self, other: Guard) -> bool:
        return self.deadline < other.deadline

    @property
    def active(self) -> bool:
        return self._act is not None

    def release(self) -> None:
        self._act = None

    def fire(self) -> None:
        act, self._act = self._act, None
        if act is not None:
            act()

    @contextmanager
    def instead(self, act: Callable[[], None]) -> Iterator[None]:
        """It calls `act` inside; one that has fired stays as it is."""
        before = self._act
        if before is not None:
            self._act = act
        try:
            yield
        finally:
            if self._act is not None:
                self._act = before


class Cancel:
    """Whether the run is called off, and why. Thread-safe; `set` may be called from any thread.

    Use as a context manager, so that its timer thread is joined.
    """

    def __init__(self) -> None:
        self._guards_lock = threading.Condition()
        self._guards: list[Guard] = []
        self._sweep_at = 64
        self._flag = threading.Event()
        self._reason = ""
        self._kind: type[Cancelled] = Cancelled
        self._timer: threading.Thread | None = None
        self._closed = False
        self._afterwards: Cancel | None = None

    def __enter__(self) -> Cancel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def reason(self) -> str:
        """Why the run was called off, or "" while it was not."""
        return self._reason

    @property
    def overdue(self) -> bool:
        """Whether it was called off because its time was over."""
        return self._kind is Overdue

    def is_set(self) -> bool:
        return self._flag.is_set()

    def set(self, reason: str, kind: type[Cancelled] = Cancelled) -> None:
        """Call the run off. The first reason stays; every guarded wait is ended.

        Args:
            kind: what is raised where the work was.
        """
        with self._guards_lock:
            if not self._flag.is_set():
                self._reason, self._kind = reason, kind
                self._flag.set()
                self._guards_lock.notify()

    def error(self) -> Cancelled:
        """What is raised where the work was, once it is called off."""
        return self._kind(self._reason)

    def check(self) -> None:
        """Raises: Cancelled when the run is called off."""
        if self._flag.is_set():
            raise self.error()

    def wait(self, seconds: float) -> None:
        """Sleep. Raises: Cancelled as soon as the run is called off."""
        self._flag.wait(seconds)
        self.check()

    @property
    def afterwards(self) -> Cancel:
        """A clock for what has to be done on the host once its time is over or the run called off. Nobody sets it."""
        with self._guards_lock:
            if self._afterwards is None:
                self._afterwards = Cancel()
            return self._afterwards

    @property
    def guarding(self) -> bool:
        """Whether there is work now that would be called off."""
        with self._guards_lock:
            return any(guard.active for guard in self._guards)

    @contextmanager
    def guard(self, seconds: float | None, act: Callable[[], None]) -> Iterator[Guard]:
        """Call `act` from the timer thread when `seconds` pass, or the run is called off, inside.

        `act` must be quick and must not raise; None means no deadline, only cancellation.
        Raises: Cancelled when the run is already called off on entry.
        """
        guard = Guard(float("inf") if seconds is None else time.monotonic() + seconds, act)
        self._add(guard)
        try:
            yield guard
        finally:
            guard.release()

    @contextmanager
    def paused(self, guard: Guard) -> Iterator[None]:
        """The guard's clock stands still inside: how long this takes is not its work's fault, and bounded elsewhere."""
        left = guard.deadline - time.monotonic()
        self._move(guard, float("inf"))
        try:
            yield
        finally:
            self._move(guard, time.monotonic() + left)

    def close(self) -> None:
        """End the timer thread. No guard may be in use."""
        with self._guards_lock:
            self._closed = True
            self._guards_lock.notify()
        if self._timer is not None:
            self._timer.join(_JOIN_SECONDS)
        if self._afterwards is not None:
            self._afterwards.close()

    def _add(self, guard: Guard) -> None:
        with self._guards_lock:
            self.check()
            if len(self._guards) >= self._sweep_at:
                self._sweep()
            heapq.heappush(self._guards, guard)
            if self._timer is None:
                timer = threading.Thread(target=self._watch, name="deadlines", daemon=True)
                try:
                    timer.start()
                except RuntimeError as error:
                    raise FleetError(f"cannot keep time: {error}", hint="raise `ulimit -u`") from error
                self._timer = timer
            elif self._guards[0] is guard:
                self._guards_lock.notify()

    def _move(self, guard: Guard, deadline: float) -> None:
        with self._guards_lock:
            if guard in self._guards:  # else it is over, or has fired
                guard.deadline = deadline
                heapq.heapify(self._guards)
                self._guards_lock.notify()

    def _sweep(self) -> None:
        self._guards = [guard for guard in self._guards if guard.active]
        heapq.heapify(self._guards)
        self._sweep_at = max(64, 2 * len(self._guards))

    def _watch(self) -> None:
        while not self._closed:
            with self._guards_lock:
                due = self._due()
                if not due:
                    self._guards_lock.wait(self._seconds_to_next())
                    continue
            for guard in due:
                guard.fire()

    def _due(self) -> list[Guard]:
        if self._flag.is_set():
            due, self._guards = self._guards, []
            return due
        due = []
        now = time.monotonic()
        while self._guards and (self._guards[0].deadline <= now or not self._guards[0].active):
            guard = heapq.heappop(self._guards)
            guard.expired = guard.active
            due.append(guard)
        return due

    def _seconds_to_next(self) -> float:
        if self._closed:
            return 0.0
        until = self._guards[0].deadline - time.monotonic() if self._guards else _IDLE_SECONDS
        return min(_IDLE_SECONDS, max(0.0, until))
