"""Ctrl-C in a Python script that uses fleetctl: the run is called off first, and KeyboardInterrupt raised behind it.

The command has its own way (cli/interrupts.py). Where the script handles SIGINT by itself nothing is done here.
"""

from __future__ import annotations

import _thread
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from fleetctl.cancel import Cancel


class Interruption:
    """For the thread that waits for a run."""

    def __init__(self, cancel: Cancel) -> None:
        self._cancel = cancel
        self._came = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """Inside, the first Ctrl-C calls the run off; a second one is raised where it comes."""
        ours = threading.current_thread() is threading.main_thread()
        if not ours or self._came or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            yield
            return
        signal.signal(signal.SIGINT, self._hear)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def check(self) -> None:
        """Raises: KeyboardInterrupt when there was one."""
        if self._came:
            raise KeyboardInterrupt

    def _hear(self, _signal: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self._came = True
        # What the signal interrupts may hold the locks that `set` and threading.Thread take.
        _thread.start_new_thread(self._cancel.set, ("interrupted",))
