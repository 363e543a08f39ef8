"""A consumer of events that keeps them: written down while the run goes on, by a thread of its own, in batches.

A history that cannot be written never fails a run: there is one warning, and the run goes on. A database that is
locked or full is tried again until the run is over.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

from fleetctl.errors import HistoryError
from fleetctl.events import Event, Progress, RunStarted
from fleetctl.history.database import open_or_begin, why
from fleetctl.history.inbox import Inbox
from fleetctl.history.masking import Masks
from fleetctl.history.place import Alive, Place
from fleetctl.history.record import Record
from fleetctl.history.records import Origin, Retention
from fleetctl.history.tidying import tidy

_BATCH_SECONDS = 0.25
_BEGIN_SECONDS = 6.0
_JOIN_SECONDS = 10.0
_RETRY_SECONDS = 1.0
_PATIENCE_MILLISECONDS = 100
"""For further attempts at a database that others hold: output must not pile up meanwhile."""
_LAST_PATIENCE_MILLISECONDS = 3000
_log = logging.getLogger("fleetctl.history")


class Recorder:
    """Called from one thread. When `show` of RunStarted returns, the run and all its hosts are on record.

    Args:
        path: the database; made where there is none, and put aside where it is damaged.
        origin: where the run comes from, secrets masked.
        masks: what must not be kept of what hosts say.
        retention: how much is kept.
        warn: told in a sentence when the run is not kept, once, or that a damaged database was put aside; called by
            the thread that calls `show` and `close`.
    """

    def __init__(
        self,
        path: Path,
        origin: Origin,
        *,
        warn: Callable[[str], None],
        masks: Masks | None = None,
        retention: Retention | None = None,
    ) -> None:
        self._place = Place(path)
        self._origin = origin
        self._masks = masks or Masks()
        self._retention = retention or Retention()
        self._warn = warn
        self._inbox = Inbox()
        self._ready = threading.Event()
        self._told: list[str] = []
        self._failed = False
        self._thread = threading.Thread(target=self._keep, name="history", daemon=True)

    @property
    def keeps(self) -> bool:
        """Whether all has gone well so far."""
        return not self._failed

    def show(self, event: Event) -> None:
        if isinstance(event, Progress):
            return
        self._inbox.put(event)
        if isinstance(event, RunStarted):
            self._begin()
        self._tell()

    def close(self) -> None:
        self._inbox.close()
        if self._thread.ident is not None:
            self._thread.join(_JOIN_SECONDS)
            if self._thread.is_alive():
                self._fail(f"it takes too long to write {self._place.database}")
        self._tell()

    def _begin(self) -> None:
        try:
            self._thread.start()
        except RuntimeError as error:  # the system gives no more threads
            self._inbox.close()
            self._fail(str(error))
        else:
            self._ready.wait(_BEGIN_SECONDS)

    def _tell(self) -> None:
        while self._told:
            self._warn(self._told.pop(0))

    def _fail(self, reason: str) -> None:
        if not self._failed:
            self._failed = True
            self._told.append(f"history is not kept: {reason}")

    def _keep(self) -> None:
        """The thread's work."""
        try:
            with ExitStack() as stack:
                self._write_all(stack)
        except HistoryError as error:
            self._fail(f"{error.message}; {error.hint}")
        except (sqlite3.Error, OSError) as error:
            self._fail(why(error, self._place.database))
        except Exception as error:  # noqa: BLE001 - a mistake of ours here must not take the run with it
            _log.debug("history", exc_info=error)
            self._fail(f"{type(error).__name__}: {error}")
        finally:
            self._inbox.close()
            self._ready.set()

    def _write_all(self, stack: ExitStack) -> None:
        first, *others = self._inbox.take(0)
        if not isinstance(first, RunStarted):
            raise TypeError("a run begins with RunStarted")
        connection = stack.enter_context(closing(open_or_begin(self._place, self._told.append)))
        stack.enter_context(closing(Alive(self._place, first.run)))
        record = Record(self._place, self._origin, self._masks, first)
        events: list[Event] = others
        not_before = 0.0
        while True:
            last = self._inbox.closed
            events += self._inbox.take(0 if not self._ready.is_set() else _BATCH_SECONDS)
            record.take(events)
            if last:
                connection.execute(f"PRAGMA busy_timeout = {_LAST_PATIENCE_MILLISECONDS}")
            if last or time.monotonic() >= not_before:
                written = self._write(record, connection)
                not_before = 0.0 if written else time.monotonic() + _RETRY_SECONDS
            self._ready.set()
            if last:
                break
            events = []
        if record.is_finished and not self._failed:
            self._tidy(connection)

    def _write(self, record: Record, connection: sqlite3.Connection) -> bool:
        """Returns: whether it could be done now."""
        try:
            record.write(connection)
        except sqlite3.OperationalError as error:
            self._fail(why(error, self._place.database))
            connection.execute(f"PRAGMA busy_timeout = {_PATIENCE_MILLISECONDS}")
            return False
        return True

    def _tidy(self, connection: sqlite3.Connection) -> None:
        try:
            tidy(connection, self._place, self._retention, time.time())
        except (sqlite3.Error, OSError) as error:
            _log.info("history is not tidied this time: %s", error)
