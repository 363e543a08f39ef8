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
    Outcome,
    Output,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
    Transferred,
)
from fleetctl.history import pieces
from fleetctl.history.database import transaction
from fleetctl.history.encoding import encode, readable
from fleetctl.history.keeping import FullTexts, HostKeeper
from fleetctl.history.masking import Masks
from fleetctl.history.place import Place
from fleetctl.history.records import Origin
from fleetctl.history.steps import UNWRITTEN, without_values

WHOLE_RUN = -1
"""The place of what is about no single host."""

_GAP = b"\n[fleetctl: output is missing here: the history could not be written]\n"
MOST_WAITING = 16 * 1024 * 1024
"""Bytes that wait for a database that cannot be written to now; what comes above that is given up."""

_NEW_RUN = "INSERT INTO runs (id, parent, started, operation, fanout, hosts, origin) VALUES (?, ?, ?, ?, ?, ?, ?)"
_NEW_HOST = "INSERT INTO hosts (run, place, name) VALUES (?, ?, ?)"
_BEGUN = "UPDATE hosts SET begun = ?, begun_seq = ? WHERE run = ? AND place = ?"
_ENDED = """
UPDATE hosts SET ended = ?, ended_seq = ?, status = ?, exit_code = ?, connect = ?, first_byte = ?, seconds = ?,
    attempts = ?, step = ?, omitted = ?, outcome = ? WHERE run = ? AND place = ?"""
_NEW_PIECE = "INSERT INTO pieces (run, batch, place, data) VALUES (?, ?, ?, ?)"
_SPOOLED = "UPDATE runs SET spooled = ? WHERE number = ?"
_FINISHED = "UPDATE runs SET finished = ? WHERE number = ?"


class Row(msgspec.Struct):
    """A row of a table that waits to be written, without the number of its run, which the first writing gives."""

    place: int
    values: tuple[object, ...]


class Record:
    """For one thread.

    Args:
        started: the run's beginning.
    """

    def __init__(self, place: Place, origin: Origin, masks: Masks, started: RunStarted) -> None:
        self._origin = origin
        self._started = started
        self._masks = masks
        self._texts = FullTexts(place, started.run)
        self._number: int | None = None
        self._batch = 0
        self._places = {name: place for place, name in enumerate(started.hosts)}
        self._begun: dict[str, HostStarted] = {}
        self._first_bytes: dict[str, float] = {}
        self._keepers: dict[str, HostKeeper] = {}
        self._new: dict[str, list[pieces.Happened]] = {}
        self._new_ended: list[HostFinished] = []
        self._begun_rows: list[Row] = []
        self._ended_rows: list[Row] = []
        self._piece_rows: list[Row] = []
        self._waiting = 0
        self._gaps: set[int] = set()
        self._finished: RunFinished | None = None

    @property
    def is_finished(self) -> bool:
        """Whether the end of the run is known."""
        return self._finished is not None

    def take(self, events: Iterable[Event]) -> None:
        """What has happened since; it waits until it is written."""
        for event in events:
            match event:
                case Output(host=host) | Transferred(host=host):
                    self._new.setdefault(host, []).append(event)
                    self._first_bytes.setdefault(host, event.at)
                case StepStarted(host=host) | StepFinished(host=host):
                    self._new.setdefault(host, []).append(event)
                case HostStarted(host=host):
                    self._begun[host] = event
                    self._begun_rows.append(Row(self._places[host], (event.at, event.seq)))
                case HostFinished():
                    self._new_ended.append(event)
                case BatchStarted() | BatchFinished():
                    self._add_piece(WHOLE_RUN, [self._masks.all.record(event)])
                case RunFinished():
                    self._finished = event
        self._seal()

    def write(self, connection: sqlite3.Connection) -> None:
        """All that waits, in one transaction. Raises: sqlite3.Error; it goes on waiting then."""
        if self._number is not None and not (
            self._begun_rows or self._ended_rows or self._piece_rows or self._finished
        ):
            return
        with transaction(connection):
            number = self._begin(connection) if self._number is None else self._number
            for statement, rows in ((_BEGUN, self._begun_rows), (_ENDED, self._ended_rows)):
                connection.executemany(statement, ((*row.values, number, row.place) for row in rows))
            pieces_ = ((number, batch, row.place, data) for row in self._piece_rows for batch, data in [row.values])
            connection.executemany(_NEW_PIECE, pieces_)
            if self._texts.size:
                connection.execute(_SPOOLED, (self._texts.size, number))
            if self._finished is not None:
                connection.execute(_FINISHED, (encode(self._finished), number))
        self._number = number
        self._batch += 1
        self._waiting = 0
        for rows in (self._begun_rows, self._ended_rows, self._piece_rows):
            rows.clear()

    def _seal(self) -> None:
        """Make rows of what is new, host by host."""
        for event in self._new_ended:
            self._new.setdefault(event.host, [])
        ended = {event.host: event for event in self._new_ended}
        for host, events in self._new.items():
            keeper = self._keepers.get(host)
            if keeper is None:
                keeper = self._keepers[host] = HostKeeper(host, self._masks.of(host), self._texts)
            kept = keeper.keep(events)
            if host in ended:
                kept += keeper.finish(ended[host])
                self._ended_rows.append(self._end(ended[host], keeper))
                del self._keepers[host]
            if kept:
                self._add_piece(self._places[host], kept)
        self._new.clear()
        self._new_ended.clear()

    def _add_piece(self, place: int, events: list[pieces.Kept]) -> None:
        if self._waiting > MOST_WAITING:
            events = self._spared(place, events)
        if not events:
            return
        data = pieces.encode(events)
        self._waiting += len(data)
        self._piece_rows.append(Row(place, (self._batch, data)))

    def _spared(self, place: int, events: list[pieces.Kept]) -> list[pieces.Kept]:
        """What is not given up where too much waits: what happened, and that something was said."""
        spared: list[pieces.Kept] = []
        for event in events:
            match event:
                case Output() if place not in self._gaps:
                    self._gaps.add(place)
                    spared.append(msgspec.structs.replace(event, data=_GAP))
                case Output() | Transferred() | pieces.Spooled():
                    continue
                case StepFinished():
                    spared.append(without_values(event, UNWRITTEN))
                case _:
                    spared.append(event)
        return spared

    def _begin(self, connection: sqlite3.Connection) -> int:
        run = self._started
        origin = msgspec.structs.replace(self._origin, steps=run.steps, handlers=run.handlers)
        operation = readable(self._masks.all.text(run.operation))
        row = (run.run, origin.parent, run.started, operation, run.fanout, len(run.hosts), encode(origin))
        number = connection.execute(_NEW_RUN, row).lastrowid or 0
        connection.executemany(_NEW_HOST, ((number, place, name) for name, place in self._places.items()))
        return number

    def _end(self, event: HostFinished, keeper: HostKeeper) -> Row:
        host = event.host
        outcome: Outcome = keeper.mask.record(event.outcome)
        begun, first = self._begun.pop(host, None), self._first_bytes.pop(host, None)
        first_byte = None if begun is None or first is None else max(0.0, first - begun.at)
        values = (
            event.at, event.seq, outcome.status.value, outcome.exit_code, outcome.timings.get("connect"), first_byte,
            outcome.seconds, outcome.attempts, outcome.step or None, keeper.omitted, encode(outcome),
        )  # fmt: skip
        return Row(self._places[host], values)
