"""What is kept for how long: runs go when there are too many, when they are too old, or when they take too much room.

A little at the end of each run, and never a run whose process is alive.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import suppress

from fleetctl.history.database import transaction
from fleetctl.history.place import Place, is_alive
from fleetctl.history.records import Retention

_DAY = 86400.0
_LONGEST = 0.1
"""Seconds that the end of a run may take longer for this; the next one goes on with it."""
_MOST = 100
"""Runs that are looked at."""
_PAGES = 2000
"""Free pages that go back to the disk at once: 8 MiB."""
_LEFT_BEHIND = 7 * _DAY
"""The age of a lock that nobody holds: one that is younger may be about to be."""

_REMOVAL = ("DELETE FROM pieces WHERE run = ?", "DELETE FROM hosts WHERE run = ?", "DELETE FROM runs WHERE number = ?")


def tidy(connection: sqlite3.Connection, place: Place, retention: Retention, now: float) -> int:
    """Remove the oldest runs as long as a limit is passed, and there is time.

    Args:
        now: seconds since the epoch.

    Returns: how many. Raises: sqlite3.Error, OSError.
    """
    until = time.monotonic() + _LONGEST
    removed = 0
    oldest = connection.execute("SELECT number, id, started FROM runs ORDER BY number LIMIT ?", (_MOST,)).fetchall()
    for number, run, started in oldest:
        if time.monotonic() > until or not _is_past_a_limit(connection, retention, now - started):
            break
        if not is_alive(place, run):
            place.forget_outputs(run)
            with transaction(connection):
                for statement in _REMOVAL:
                    connection.execute(statement, (number,))
            removed += 1
    if removed:
        connection.execute(f"PRAGMA incremental_vacuum({_PAGES})").fetchall()
        _remove_old_locks(place, now)
    return removed


def _is_past_a_limit(connection: sqlite3.Connection, retention: Retention, age: float) -> bool:
    if retention.days is not None and age > retention.days * _DAY:
        return True
    if retention.runs is not None and _one(connection, "SELECT count(*) FROM runs") > retention.runs:
        return True
    return retention.bytes is not None and _size(connection) > retention.bytes


def _size(connection: sqlite3.Connection) -> int:
    """Bytes in use, full texts included."""
    pages = _one(connection, "PRAGMA page_count") - _one(connection, "PRAGMA freelist_count")
    spooled = _one(connection, "SELECT total(spooled) FROM runs")
    return int(pages * _one(connection, "PRAGMA page_size") + spooled)


def _one(connection: sqlite3.Connection, query: str) -> float:
    (value,) = connection.execute(query).fetchone()
    return float(value)


def _remove_old_locks(place: Place, now: float) -> None:
    """Those of runs that were killed."""
    for lock in place.locks.iterdir():
        with suppress(FileNotFoundError):
            if now - lock.stat().st_mtime > _LEFT_BEHIND:
                is_alive(place, lock.name)
