"""A consumer of events that keeps them: written down while the run goes on, by a thread of its own, in batches.

A history that cannot be written never fails a run: there is one warning, and the run goes on.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

from fleetctl.errors import HistoryError
from fleetctl.events import Event, Progress, RunStarted
from fleetctl.history.database import connect, create
from fleetctl.history.inbox import Inbox
from fleetctl.history.place import Alive, Place
from fleetctl.history.record import Record
from fleetctl.history.records import Origin

_BATCH_SECONDS = 0.25
_BEGIN_SECONDS = 5.0
_JOIN_SECONDS = 10.0
_RETRY_SECONDS = 1.0


class Recorder:
    """Called from one thread. When `show` of RunStarted returns, the run and all its hosts are on record.

    Args:
        path: the database; made where there is none.
        origin: where the run comes from.
        warn: told once, in a sentence, when the run is not kept; called by the thread that calls `show` and `close`.
    """

    def __init__(self, path: Path, origin: Origin, *, warn: Callable[[str], None]) -> None:
        self._place = Place(path)
        self._origin = origin
        self._warn = warn
        self._inbox = Inbox()
        self._ready = threading.Event()
        self._complaint = ""
        self._complained = False
        self._thread = threading.Thread(target=self._keep, name="history", daemon=True)

    @property
    def keeps(self) -> bool:
        """Whether all has gone well so far."""
        return not self._complaint

    def show(self, event: Event) -> None:
        if isinstance(event, Progress):
            return
        self._inbox.put(event)
        if isinstance(event, RunStarted):
            self._thread.start()
            self._ready.wait(_BEGIN_SECONDS)
        self._complain()

    def close(self) -> None:
        self._inbox.close()
        if self._thread.ident is not None:
            self._thread.join(_JOIN_SECONDS)
            if self._thread.is_alive():
                self._complaint = self._complaint or "it takes too long to write"
        self._complain()

    def _complain(self) -> None:
        if self._complaint and not self._complained:
            self._complained = True
            self._warn(f"history is not kept: {self._complaint}")

    def _keep(self) -> None:
        """The thread's work."""
        try:
            with ExitStack() as stack:
                self._write_all(stack)
        except HistoryError as error:
            self._complaint = error.message
        except (sqlite3.Error, OSError) as error:
            self._complaint = self._complaint or str(error)
        finally:
            self._ready.set()
            self._inbox.close()

    def _write_all(self, stack: ExitStack) -> None:
        first, *others = self._inbox.take(0)
        if not isinstance(first, RunStarted):
            return
        create(self._place)
        connection = stack.enter_context(closing(connect(self._place)))
        stack.enter_context(closing(Alive(self._place, first.run)))
        record = Record(self._origin, first)
        record.take(others)
        not_before = 0.0
        while True:
            last = self._inbox.closed
            if last or time.monotonic() >= not_before:
                try:
                    record.write(connection)
                except sqlite3.OperationalError as error:
                    self._complaint = self._complaint or str(error)
                    not_before = time.monotonic() + _RETRY_SECONDS
            self._ready.set()
            if last:
                return
            record.take(self._inbox.take(_BATCH_SECONDS))
