"""Ctrl-C and SIGTERM: the first calls the run off, the second leaves at once.

The signal is read from a pipe by a thread of its own (`signal.set_wakeup_fd`), so it is heard even while
the main thread waits for a slow screen, and no lock is ever taken inside a signal handler.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

from fleetctl.cancel import Cancel

_SIGNALS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated", signal.SIGHUP: "the terminal is gone"}
_INTERRUPTED = 130
_STOP = b"\0"
_JOIN_SECONDS = 5.0


class Interrupts:
    """Inside the block, signals set `cancel`. For the main thread only.

    Args:
        tidy: what must be done even when the second signal leaves at once; called by a thread of its own.
    """

    def __init__(self, cancel: Cancel, tidy: Callable[[], None] = lambda: None) -> None:
        self._cancel = cancel
        self._tidy = tidy
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
            self._cancel.set(_SIGNALS[heard])


def _heard(_number: int, _frame: FrameType | None) -> None:
    """A handler must be set for Python to pass a signal on to the pipe at all."""
