"""The database: its schema and how an older one becomes the newest, connections, and short transactions.

Everything that changes the schema is one more entry in MIGRATIONS; what stands there is never edited.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from fleetctl.errors import HistoryError
from fleetctl.file_locks import taken_within
from fleetctl.history.place import Place, make_private, narrow_all

BUSY_SECONDS = 5.0
"""How long another process may hold the database: each of ours does for milliseconds."""

_RUNS = """
CREATE TABLE runs (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    parent TEXT NOT NULL,
    started REAL NOT NULL,
    operation TEXT NOT NULL,
    fanout INTEGER NOT NULL,
    hosts INTEGER NOT NULL,
    origin BLOB NOT NULL,
    finished BLOB,
    spooled INTEGER NOT NULL DEFAULT 0
)"""
_HOSTS = """
CREATE TABLE hosts (
    run INTEGER NOT NULL,
    place INTEGER NOT NULL,
    name TEXT NOT NULL,
    begun REAL,
    begun_seq INTEGER,
    ended REAL,
    ended_seq INTEGER,
    status TEXT,
    exit_code INTEGER,
    connect REAL,
    first_byte REAL,
    seconds REAL,
    attempts INTEGER,
    step TEXT,
    omitted INTEGER NOT NULL DEFAULT 0,
    outcome BLOB,
    PRIMARY KEY (run, place)
) WITHOUT ROWID"""
_PIECES = """
CREATE TABLE pieces (
    number INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    batch INTEGER NOT NULL,
    place INTEGER NOT NULL,
    data BLOB NOT NULL
)"""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        _RUNS,
        "CREATE INDEX runs_by_parent ON runs (parent)",
        _HOSTS,
        "CREATE INDEX hosts_by_name ON hosts (name, run)",
        _PIECES,
        "CREATE INDEX pieces_in_order ON pieces (run, batch, place)",
    ),
)
"""What leads from each version of the schema to the next; the first one from nothing."""


def create(place: Place) -> None:
    """Make the database, if there is none. Raises: OSError, sqlite3.Error."""
    make_private(place.directory)
    if place.database.exists():
        return
    descriptor, name = tempfile.mkstemp(prefix=".history-", dir=place.directory)  # mode 0600
    os.close(descriptor)
    made = Path(name)
    try:
        with closing(_connected(made, BUSY_SECONDS)) as connection:
            connection.execute("PRAGMA synchronous = OFF")  # there is nothing in it to lose yet
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("PRAGMA journal_mode = WAL")
            _migrate(connection, place.database)
        with suppress(FileExistsError):  # of two processes that make it at once, one is first
            os.link(made, place.database)
    finally:
        made.unlink()


def open_or_begin(place: Place, tell: Callable[[str], None]) -> sqlite3.Connection:
    """A connection to the database, made where there is none. A damaged one is put aside, and `tell` told where.

    Raises: HistoryError, OSError, sqlite3.Error.
    """
    create(place)
    try:
        connection = connect(place)
        _look_through(connection)
    except sqlite3.DatabaseError as error:
        if not _is_damaged(error):
            raise
    else:
        return connection
    with _alone(place):
        try:  # another process may have seen to it
            connection = connect(place)
            _look_through(connection)
        except sqlite3.DatabaseError as error:
            if not _is_damaged(error):
                raise
            aside = _put_aside(place)
            tell(f"the history was damaged: it is {aside} now, and a new one is begun")
            create(place)
            connection = connect(place)
        return connection


def connect(place: Place) -> sqlite3.Connection:
    """A connection to a database that is there, brought to the newest schema; for one thread.

    Raises: HistoryError when a newer fleetctl has made it; OSError, sqlite3.Error.
    """
    narrow_all(place)
    connection = _connected(place.database, BUSY_SECONDS)
    try:
        _migrate(connection, place.database)
    except BaseException:
        connection.close()
        raise
    return connection


def connect_to_read(place: Place) -> sqlite3.Connection:
    """The same, also where nothing can be written. Raises: as above."""
    try:
        return connect(place)
    except sqlite3.OperationalError:
        if os.access(place.directory, os.W_OK):
            raise
    # SQLite wants to write a file beside a database that others may change; nobody does here.
    connection = _connected(place.database, BUSY_SECONDS, "immutable=1")
    try:
        _version(connection, place.database)
    except BaseException:
        connection.close()
        raise
    return connection


def _connected(path: Path, timeout: float, access: str = "mode=rw") -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?{access}", timeout, isolation_level=None, uri=True)
    # Without a sync at each commit a power cut may lose the last ones; the end of a process, however hard, does not.
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    if _version(connection, path) == len(MIGRATIONS):
        return
    with transaction(connection):
        for statements in MIGRATIONS[_version(connection, path) :]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _version(connection: sqlite3.Connection, path: Path) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise HistoryError(
            f"{path} was written by a newer fleetctl (schema {version}, and this one knows {len(MIGRATIONS)})",
            hint="use that one, or move the file away to begin a new history",
        )
    return int(version)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing; others wait meanwhile. Raises: sqlite3.Error."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def why(error: Exception, path: Path) -> str:
    """What went wrong with the database, in words for people."""
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    if code in _REASONS:
        return _REASONS[code].format(path)
    if isinstance(error, OSError):
        return f"{error.filename or path}: {error.strerror or error}"
    return f"{path}: {error}"


_REASONS = {
    sqlite3.SQLITE_BUSY: "another process holds {}",
    sqlite3.SQLITE_LOCKED: "another process holds {}",
    sqlite3.SQLITE_FULL: "there is no room for {}",
    sqlite3.SQLITE_READONLY: "{} cannot be written to",
    sqlite3.SQLITE_CANTOPEN: "{} cannot be opened",
    sqlite3.SQLITE_CORRUPT: "{} is damaged; move it away to begin a new one",
    sqlite3.SQLITE_NOTADB: "{} is no history; move it away to begin a new one",
}


def _look_through(connection: sqlite3.Connection) -> None:
    """Touch what every run needs, in a few pages. Raises: sqlite3.DatabaseError when one is damaged."""
    connection.execute("SELECT number, id FROM runs ORDER BY number DESC LIMIT 1").fetchall()
    connection.execute("SELECT run FROM hosts ORDER BY run DESC LIMIT 1").fetchall()
    connection.execute("SELECT number FROM pieces ORDER BY number DESC LIMIT 1").fetchall()


def _is_damaged(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


@contextmanager
def _alone(place: Place) -> Iterator[None]:
    """One process at a time sees to a damaged database."""
    descriptor = os.open(place.directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if not taken_within(descriptor, BUSY_SECONDS):
            raise OSError(errno.EAGAIN, "another process sees to a damaged history", str(place.directory))
        yield
    finally:
        os.close(descriptor)


def _put_aside(place: Place) -> Path:
    """Rename the database and what belongs to it."""
    aside = place.database.with_name(f"{place.database.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
    for suffix in ("-wal", "-shm", ""):
        with suppress(FileNotFoundError):
            Path(f"{place.database}{suffix}").rename(f"{aside}{suffix}")
    return aside
