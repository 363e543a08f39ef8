"""A run told again from the database: the same events in the same order, as far as they are on record."""

from __future__ import annotations

import heapq
import sqlite3
import time
from collections import Counter
from collections.abc import Collection, Iterator
from operator import attrgetter
from typing import Any

import msgspec

from fleetctl.events import (
    ErrorFacts,
    Event,
    HostFinished,
    HostStarted,
    Outcome,
    RunFinished,
    RunStarted,
    Status,
)
from fleetctl.history import pieces
from fleetctl.history.cut import Cut
from fleetctl.history.place import Place
from fleetctl.history.records import Origin

NOT_RECORDED = "not-recorded"
"""The code of the error of a host whose end is not on record."""

_PROCESS_GONE = "the process that ran it is gone"
_GOING_ON = "it is still going on"
_origin = msgspec.msgpack.Decoder(Origin)
_outcome = msgspec.msgpack.Decoder(Outcome)
_finished = msgspec.msgpack.Decoder(RunFinished)
_by_seq = attrgetter("seq")

_Row = tuple[Any, ...]
"""What `_HOSTS` selects."""


def tell(
    connection: sqlite3.Connection, place: Place, number: int, hosts: Collection[str] | None, *, alive: bool
) -> Iterator[Event]:
    """The events of the run, of some of its hosts or all.

    Raises: sqlite3.Error, msgspec.DecodeError.
    """
    run, operation, fanout, started, finished, kept = connection.execute(
        "SELECT id, operation, fanout, started, finished, origin FROM runs WHERE number = ?", (number,)
    ).fetchone()
    origin = _origin.decode(kept)
    rows = [row for row in connection.execute(_HOSTS, (number,)) if hosts is None or row[1] in hosts]
    names = tuple(row[1] for row in rows)
    yield RunStarted(
        run=run,
        operation=operation,
        hosts=names,
        fanout=fanout,
        started=started,
        steps=origin.steps,
        handlers=origin.handlers,
    )
    places = None if hosts is None else {row[0] for row in rows}
    open_hosts = {row[1]: row[2] is not None for row in rows if row[7] is None}
    cut = Cut(place, run, open_hosts)
    for event in heapq.merge(_turns(rows), _pieces(connection, number, places), key=_by_seq):
        cut.note(event)
        if not isinstance(event, pieces.Spooled):
            yield event
    end = None if finished is None else _finished.decode(finished)
    seen = Counter(Status(row[6]) for row in rows if row[6] is not None)
    at, seq = (cut.at, cut.seq) if end is None else (end.at, end.seq)
    at = max(at, time.time() - started) if alive else at
    for host, begun in open_hosts.items():
        seq += 1
        yield from cut.rest(host, at, seq)
        outcome = _unknown(cut.steps.get(host, ""), begun=begun, alive=alive)
        yield HostFinished(host=host, outcome=outcome, at=at, seq=seq)
        seen[Status.CANCELLED] += 1
    if end is not None:
        yield msgspec.structs.replace(end, counts=dict(seen), seq=seq)
    else:
        yield RunFinished(counts=dict(seen), cancelled=_GOING_ON if alive else _PROCESS_GONE, at=at, seq=seq + 1)


_HOSTS = """
SELECT place, name, begun, begun_seq, ended, ended_seq, status, outcome FROM hosts WHERE run = ? ORDER BY place"""


def _turns(rows: list[_Row]) -> list[Event]:
    """Where hosts begin and end."""
    turns: list[Event] = []
    for _, name, begun, begun_seq, ended, ended_seq, _, outcome in rows:
        if begun is not None:
            turns.append(HostStarted(host=name, at=begun, seq=begun_seq))
        if outcome is not None:
            turns.append(HostFinished(host=name, outcome=_outcome.decode(outcome), at=ended, seq=ended_seq))
    return sorted(turns, key=_by_seq)


def _pieces(connection: sqlite3.Connection, number: int, places: set[int] | None) -> Iterator[pieces.Kept]:
    """What hosts said, their steps and what became of files, one batch after the other, so that memory stays flat."""
    batches = connection.execute("SELECT DISTINCT batch FROM pieces WHERE run = ? ORDER BY batch", (number,)).fetchall()
    for (batch,) in batches:
        rows = connection.execute("SELECT place, data FROM pieces WHERE run = ? AND batch = ?", (number, batch))
        events = [
            event for place, data in rows if places is None or place in places for event in pieces.decode(data)
        ]  # fmt: skip
        yield from sorted(events, key=_by_seq)


def _unknown(step: str, *, begun: bool, alive: bool) -> Outcome:
    error = ErrorFacts(NOT_RECORDED, _SAID[begun, alive])
    return Outcome(Status.CANCELLED, error=error, remote_ended=not begun, step=step)


_SAID = {
    (True, True): "not done yet",
    (True, False): "its end is not on record",
    (False, True): "not begun yet",
    (False, False): "its beginning is not on record",
}
