"""TCP relays that behave like a long or a narrow line. They pass everything, in order.

Connecting itself takes no time: what is slow is every byte that follows.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

from tests.support import broken

_LONG_LINE = 64 * 1024 * 1024
"""Bytes under way in one direction: 1 GB/s over 64 ms."""
_NARROW_LINE = 64 * 1024
_LARGEST_PIECE = 256 * 1024

Schedule = Callable[[int], float]
"""When so many bytes that come now are to arrive, on the monotonic clock. Each line has its own."""


def delayed(target: tuple[str, int], seconds: float) -> AbstractContextManager[int]:
    """A round trip to `target` takes `seconds` more; how much passes in them is not limited. Gives: the port."""
    return _relay(target, lambda: lambda size: time.monotonic() + seconds / 2, _LONG_LINE)


def limited(target: tuple[str, int], bytes_per_second: float) -> AbstractContextManager[int]:
    """Each direction of a connection to `target` passes so much. Gives: the port."""

    def schedule() -> Schedule:
        free = 0.0

        def arrival(size: int) -> float:
            nonlocal free
            free = max(free, time.monotonic()) + size / bytes_per_second
            return free

        return arrival

    return _relay(target, schedule, _NARROW_LINE)


@contextmanager
def _relay(target: tuple[str, int], schedule: Callable[[], Schedule], capacity: int) -> Iterator[int]:
    all_lines: list[_Line] = []
    over = threading.Event()

    def end(lines: list[_Line]) -> None:
        for line in lines:
            line.end()

    def relay(connection: socket.socket) -> None:
        with socket.create_connection(target) as far:
            lines = [_Line(connection, far, schedule(), capacity), _Line(far, connection, schedule(), capacity)]
            all_lines.extend(lines)
            threads = [threading.Thread(target=act, daemon=True) for line in lines for act in (line.take, line.give)]
            for thread in threads:
                thread.start()
            if over.is_set():
                end(lines)
            for thread in threads:
                thread.join()

    with broken.server(relay) as port:
        try:
            yield port
        finally:
            over.set()
            end(all_lines)


class _Line:
    """One direction of a connection: one thread takes what comes, another gives it on when it is due."""

    def __init__(self, source: socket.socket, target: socket.socket, arrival: Schedule, capacity: int) -> None:
        target.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._source = source
        self._target = target
        self._arrival = arrival
        self._capacity = capacity
        self._piece = min(capacity // 4, _LARGEST_PIECE)
        self._under_way: deque[tuple[float, bytes]] = deque()
        self._size = 0
        self._ended = False
        self._changed = threading.Condition()

    def take(self) -> None:
        """Until the source ends, which is passed on as b""."""
        data = b"-"
        while data and not self._ended:
            data = self._received()
            with self._changed:
                self._under_way.append((self._arrival(len(data)), data))
                self._size += len(data)
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._size < self._capacity or self._ended)

    def give(self) -> None:
        try:
            while data := self._next():
                self._target.sendall(data)
            self._target.shutdown(socket.SHUT_WR)
        except OSError:
            self.end()  # the target is gone: so should the source be

    def end(self) -> None:
        """Nothing more passes, and the source is told so."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        with suppress(OSError):
            self._source.shutdown(socket.SHUT_RDWR)

    def _received(self) -> bytes:
        try:
            return self._source.recv(self._piece)
        except OSError:
            return b""

    def _next(self) -> bytes:
        """What is due next, once it is; b"" at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._under_way or self._ended)
            if self._ended:
                return b""
            due, data = self._under_way.popleft()
            self._changed.wait_for(lambda: self._ended, max(due - time.monotonic(), 0))
            self._size -= len(data)
            self._changed.notify_all()
            return data
