"""Ctrl-C, SIGTERM and SIGHUP: what calls a run off, what only asks how far it is, and what leaves at once.

At a terminal the first Ctrl-C tells who is still worked on, a second one soon after calls the run off, and the
third leaves. Elsewhere, and with the other signals, the first calls it off and the second leaves.

The signal is read from a pipe by a thread of its own (`signal.set_wakeup_fd`), so it is heard even while
the main thread waits for a slow screen, and no lock is ever taken inside a signal handler.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

from fleetctl.cancel import Cancel

SOON_SECONDS = 2
"""A second Ctrl-C within this time means it."""
_SIGNALS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated", signal.SIGHUP: "the terminal is gone"}
_INTERRUPTED = 130
_STOP = b"\0"
_JOIN_SECONDS = 5.0


class Interrupts:
    """Inside the block, signals set `cancel`. For the main thread only.

    Args:
        tidy: what must be done even when the last signal leaves at once.
        tell: tells the person at the terminal how far the work is, and that another Ctrl-C calls it off; whether
            that could be said. None where the first Ctrl-C calls it off.

    Both are called by a thread of its own, and must not wait for long.
    """

    def __init__(
        self, cancel: Cancel, tidy: Callable[[], None] = lambda: None, tell: Callable[[], bool] | None = None
    ) -> None:
        self._cancel = cancel
        self._tidy = tidy
        self._tell = tell
        self._asked_at = float("-inf")
        self._read_end, self._write_end = os.pipe()
        self._thread = threading.Thread(target=self._listen, name="signals", daemon=True)
        self._before: dict[int, Any] = {}
        self._wakeup_before = -1

    def __enter__(self) -> None:
        os.set_blocking(self._write_end, False)
        self._wakeup_before = signal.set_wakeup_fd(self._write_end)
        for number in _SIGNALS:
            # SIGHUP stays ignored under nohup.
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, _heard)
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.set_wakeup_fd(self._wakeup_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.write(self._write_end, _STOP)
        self._thread.join(_JOIN_SECONDS)
        os.close(self._read_end)
        os.close(self._write_end)

    def _listen(self) -> None:
        while (number := os.read(self._read_end, 1)) != _STOP:
            if (heard := signal.Signals(number[0])) not in _SIGNALS:
                continue  # somebody else's, such as a terminal's change of size
            if self._cancel.is_set():
                self._tidy()
                os._exit(_INTERRUPTED)
            if heard is signal.SIGINT and self._only_asks():
                continue
            self._cancel.set(_SIGNALS[heard])

    def _only_asks(self) -> bool:
        """Whether this Ctrl-C is a first one, and was answered. Where it cannot be, it calls the run off."""
        if self._tell is None:
            return False
        now, before = time.monotonic(), self._asked_at
        self._asked_at = now
        return now - before > SOON_SECONDS and self._tell()


def _heard(_number: int, _frame: FrameType | None) -> None:
    """A handler must be set for Python to pass a signal on to the pipe at all."""
