"""One run on its way into the database: what has happened and is not written yet, and how it is written.

Nothing is lost when writing fails: the next attempt writes it. Only output is given up then, when it becomes too much.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import msgspec

from fleetctl.events import (
    BatchFinished,
    BatchStarted,
    Event,
    HostFinished,
    HostStarted,
    Output,
    RunFinished,
    RunStarted,
    Transferred,
)
from fleetctl.history import pieces
from fleetctl.history.database import transaction
from fleetctl.history.records import Origin

WHOLE_RUN = -1
"""The place of what is about no single host."""

_NEW_RUN = "INSERT INTO runs (id, parent, started, operation, fanout, hosts, origin) VALUES (?, ?, ?, ?, ?, ?, ?)"
_NEW_HOST = "INSERT INTO hosts (run, place, name) VALUES (?, ?, ?)"
_BEGUN = "UPDATE hosts SET begun = ?, begun_seq = ? WHERE run = ? AND place = ?"
_ENDED = """
UPDATE hosts SET ended = ?, ended_seq = ?, status = ?, exit_code = ?, connect = ?, first_byte = ?, seconds = ?,
    attempts = ?, outcome = ? WHERE run = ? AND place = ?"""
_NEW_PIECE = "INSERT INTO pieces (run, batch, place, data) VALUES (?, ?, ?, ?)"
_FINISHED = "UPDATE runs SET finished = ? WHERE number = ?"

_encode = msgspec.msgpack.Encoder().encode


class Record:
    """For one thread.

    Args:
        started: the run's beginning.
    """

    def __init__(self, origin: Origin, started: RunStarted) -> None:
        self._origin = origin
        self._started = started
        self._number: int | None = None
        self._batch = 0
        self._places = {name: place for place, name in enumerate(started.hosts)}
        self._begun: dict[str, HostStarted] = {}
        self._first_bytes: dict[str, float] = {}
        self._new_begun: list[HostStarted] = []
        self._new_ended: list[HostFinished] = []
        self._new: dict[int, list[pieces.Kept]] = {}
        self._finished: RunFinished | None = None

    def take(self, events: Iterable[Event]) -> None:
        """What has happened since."""
        for event in events:
            match event:
                case Output(host=host) | Transferred(host=host):
                    self._new.setdefault(self._places[host], []).append(event)
                    self._first_bytes.setdefault(host, event.at)
                case HostStarted(host=host):
                    self._begun[host] = event
                    self._new_begun.append(event)
                case HostFinished():
                    self._new_ended.append(event)
                case BatchStarted() | BatchFinished():
                    self._new.setdefault(WHOLE_RUN, []).append(event)
                case RunFinished():
                    self._finished = event

    def write(self, connection: sqlite3.Connection) -> None:
        """All that is new, in one transaction. Raises: sqlite3.Error; nothing is written then."""
        if self._number is not None and not self._is_new():
            return
        with transaction(connection):
            number = self._begin(connection) if self._number is None else self._number
            self._write_hosts(connection, number)
            self._write_pieces(connection, number)
            if self._finished is not None:
                connection.execute(_FINISHED, (_encode(self._finished), number))
        self._number = number
        self._batch += 1
        for written in (self._new_begun, self._new_ended, self._new):
            written.clear()

    def _is_new(self) -> bool:
        return bool(self._new_begun or self._new_ended or self._new or self._finished)

    def _begin(self, connection: sqlite3.Connection) -> int:
        run, origin = self._started, self._origin
        row = (run.run, origin.parent, run.started, run.operation, run.fanout, len(run.hosts), _encode(origin))
        number = connection.execute(_NEW_RUN, row).lastrowid or 0
        connection.executemany(_NEW_HOST, ((number, place, name) for name, place in self._places.items()))
        return number

    def _write_hosts(self, connection: sqlite3.Connection, number: int) -> None:
        begun = ((event.at, event.seq, number, self._places[event.host]) for event in self._new_begun)
        connection.executemany(_BEGUN, begun)
        connection.executemany(_ENDED, (self._end(event, number) for event in self._new_ended))

    def _end(self, event: HostFinished, number: int) -> tuple[object, ...]:
        outcome, host = event.outcome, event.host
        begun, first = self._begun.get(host), self._first_bytes.get(host)
        first_byte = None if begun is None or first is None else max(0.0, first - begun.at)
        return (
            event.at, event.seq, outcome.status.value, outcome.exit_code, outcome.timings.get("connect"), first_byte,
            outcome.seconds, outcome.attempts, _encode(outcome), number, self._places[host],
        )  # fmt: skip

    def _write_pieces(self, connection: sqlite3.Connection, number: int) -> None:
        rows = (
            (number, self._batch, place, pieces.encode(pieces.merged(events))) for place, events in self._new.items()
        )
        connection.executemany(_NEW_PIECE, rows)
