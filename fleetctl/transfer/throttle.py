"""A limit on bytes per second that many threads keep together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from fleetctl.cancel import Cancel

_BURST_SECONDS = 0.25
_SMALLEST_PIECE = 4096


class Throttle:
    """Thread-safe. Who takes more than is there waits for it; the debt is the next one's to wait for, too.

    Args:
        rate: bytes per second; None is as fast as it goes.
        clock: seconds, never going back.
    """

    def __init__(self, rate: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._due_lock = threading.Lock()
        self._free_at = float("-inf")

    @property
    def limited(self) -> bool:
        return self._rate is not None

    def piece(self, most: int) -> int:
        """How much to take at once, so that a slow limit is kept smoothly."""
        if self._rate is None:
            return most
        return min(most, max(_SMALLEST_PIECE, int(self._rate * _BURST_SECONDS)))

    def has(self, size: int) -> bool:
        """Whether so many bytes may move without a wait."""
        if self._rate is None:
            return True
        with self._due_lock:
            now = self._clock()
            return max(self._free_at, now - _BURST_SECONDS) + size / self._rate <= now

    def take(self, size: int, cancel: Cancel) -> None:
        """Wait until `size` bytes may move. Raises: Cancelled."""
        if self._rate is None:
            return
        with self._due_lock:
            now = self._clock()
            begin = max(self._free_at, now - _BURST_SECONDS)
            self._free_at = begin + size / self._rate
            seconds = self._free_at - now
        if seconds > 0:
            cancel.wait(seconds)
