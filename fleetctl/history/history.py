"""What was done: find runs, and read how each of their hosts ended."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from fleetctl import nodes
from fleetctl.errors import HistoryError
from fleetctl.events import Event, Outcome, RunFinished, Status
from fleetctl.history.database import connect_to_read, why
from fleetctl.history.place import Place, is_alive
from fleetctl.history.records import Origin, RunRecord
from fleetctl.history.telling import tell

LAST = "last"
_LISTED = 5
_HINT = "`fleetctl history` lists them"
_RUNS = "SELECT number, id, started, operation, hosts, origin, finished FROM runs"

_outcome = msgspec.msgpack.Decoder(Outcome)
_origin = msgspec.msgpack.Decoder(Origin)
_finished = msgspec.msgpack.Decoder(RunFinished)


class History:
    """For one thread; closed when the block is left. A database that is not there is a history without runs.

    Args:
        path: the database.

    Raises: HistoryError when it cannot be read, from here and from every method.
    """

    def __init__(self, path: Path) -> None:
        self._place = Place(path)
        try:
            self._connection = connect_to_read(self._place) if path.exists() else None
        except (sqlite3.Error, OSError) as error:
            raise _unreadable(path, error) from error

    def __enter__(self) -> History:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            self._connection.close()

    def runs(
        self,
        *,
        status: Status | None = None,
        host: str = "",
        since: float | None = None,
        until: float | None = None,
        text: str = "",
        limit: int | None = None,
    ) -> list[RunRecord]:
        """Runs, the newest first.

        Args:
            status: those in which a host ended so; with `host`, that host.
            host: those that were for it: a name, a range as `web[01-20]`, or a pattern with `*` and `?`.
            since: those that began then or later, in seconds since the epoch.
            until: those that began earlier.
            text: those with it in their command, whatever its case.
            limit: at most so many.
        """
        conditions: list[str] = []
        values: list[Any] = []
        if since is not None:
            conditions.append("started >= ?")
            values.append(since)
        if until is not None:
            conditions.append("started < ?")
            values.append(until)
        if host:
            conditions.append(_with_host(host, status, values))
        found: list[RunRecord] = []
        for row in self._runs(" AND ".join(conditions), values):
            run = self._record(row)
            if _says(run, text) and (status is None or host or status in run.counts):
                found.append(run)
                if len(found) == limit:
                    break
        return found

    def run(self, word: str) -> RunRecord:
        """One run: by its id, by a beginning or end that only its id has, or the `last` one."""
        if word == LAST:
            rows = self._runs("number = (SELECT max(number) FROM runs)")
        else:
            beside = (word, len(word), word, len(word), word)
            rows = self._runs("id = ? OR substr(id, 1, ?) = ? OR substr(id, -?) = ?", beside)
            rows = rows if word else []  # of a variable that is not set: every run begins with it
            rows.sort(key=lambda row: row[1] != word)
        if not rows:
            raise HistoryError("there is no run in history yet" if word == LAST else f"no run {word!r}", hint=_HINT)
        first = self._record(rows[0])
        if len(rows) > 1 and first.id != word:
            some = ", ".join(row[1] for row in rows[:_LISTED])
            raise HistoryError(f"{word!r} may be {len(rows)} runs: {some}{' …' * (len(rows) > _LISTED)}", hint=_HINT)
        return first

    def hosts(self, run_id: str) -> tuple[str, ...]:
        """The hosts of a run, in its order."""
        rows = self._rows("SELECT name FROM hosts WHERE run = ? ORDER BY place", (self._number(run_id),))
        return tuple(name for (name,) in rows)

    def outcomes(self, run_id: str) -> dict[str, Outcome | None]:
        """How each host of a run ended, in its order; None where that is not on record."""
        rows = self._rows("SELECT name, outcome FROM hosts WHERE run = ? ORDER BY place", (self._number(run_id),))
        return {name: None if outcome is None else _outcome.decode(outcome) for name, outcome in rows}

    def begun(self, run_id: str) -> set[str]:
        """The hosts on which something was begun."""
        rows = self._rows("SELECT name FROM hosts WHERE run = ? AND begun IS NOT NULL", (self._number(run_id),))
        return {name for (name,) in rows}

    def latest(self, run_id: str) -> dict[str, Outcome | None]:
        """How each host ended last in all the runs that go on with each other, of which this is one.

        A run that did not come to a host, or skipped it, changes nothing of what is known of it from an earlier one.
        """
        last: dict[str, Outcome | None] = {}
        for run in self.chain(run_id):
            begun = self.begun(run)
            for host, outcome in self.outcomes(run).items():
                skipped = host not in begun or (outcome is not None and outcome.status is Status.SKIPPED)
                if not skipped or last.get(host) is None:
                    last[host] = outcome
        return last

    def chain(self, run_id: str) -> list[str]:
        """The run that all began with, and those that went on with it or with each other, in the order of time."""
        root = self.run(run_id).id
        seen = {root}
        while (parent := self._parent(root)) and parent not in seen:
            root = parent
            seen.add(root)
        chain, found = [], {root}
        for run, parent in self._rows("SELECT id, parent FROM runs ORDER BY number"):
            if run == root or parent in found:
                chain.append(run)
                found.add(run)
        return chain

    def events(self, run_id: str, hosts: Collection[str] | None = None) -> Iterator[Event]:
        """A run told again, as any view reads it; of some hosts alone, where they are given.

        A host without an end on record is ended as cancelled, and so is the run.
        """
        number = self._number(run_id)
        if self._connection is None:
            return
        try:
            yield from tell(self._connection, self._place, number, hosts, alive=is_alive(self._place, run_id))
        except (sqlite3.Error, msgspec.DecodeError) as error:
            raise _unreadable(self._place.database, error) from error

    def _parent(self, run_id: str) -> str:
        """The run that it went on with, if that is still there."""
        rows = self._rows(
            "SELECT parent FROM runs WHERE id = ? AND parent IN (SELECT id FROM runs)", (run_id,)
        )  # fmt: skip
        return str(rows[0][0]) if rows else ""

    def _number(self, run_id: str) -> int:
        rows = self._rows("SELECT number FROM runs WHERE id = ?", (run_id,))
        if not rows:
            raise HistoryError(f"no run {run_id!r}", hint=_HINT)
        return int(rows[0][0])

    def _record(self, row: tuple[Any, ...]) -> RunRecord:
        number, run_id, started, operation, hosts, origin, finished = row
        record = RunRecord(run_id, _origin.decode(origin), started, operation, hosts)
        if finished is None:
            counted = self._rows(
                "SELECT status, count(*) FROM hosts WHERE run = ? AND status IS NOT NULL GROUP BY status", (number,)
            )
            counts = {Status(status): count for status, count in counted}
            return msgspec.structs.replace(record, counts=counts, alive=is_alive(self._place, run_id))
        end = _finished.decode(finished)
        return msgspec.structs.replace(
            record, counts=end.counts, seconds=end.at, cancelled=end.cancelled, stopped=end.stopped, overdue=end.overdue
        )

    def _runs(self, condition: str, values: Collection[Any] = ()) -> list[tuple[Any, ...]]:
        """The runs for which that is so, the newest first."""
        where = f"WHERE {condition}" if condition else ""
        return self._rows(f"{_RUNS} {where} ORDER BY number DESC", values)

    def _rows(self, query: str, values: Collection[Any] = ()) -> list[tuple[Any, ...]]:
        if self._connection is None:
            return []
        try:
            return self._connection.execute(query, tuple(values)).fetchall()
        except sqlite3.Error as error:
            raise _unreadable(self._place.database, error) from error


def _with_host(host: str, status: Status | None, values: list[Any]) -> str:
    """A condition for runs that were for a host, or one of some; `values` gets what its question marks stand for."""
    named, names = "hosts.name GLOB ?", [host]
    if not set(host) & set("*?"):
        try:
            names = nodes.expand(host)
        except ValueError as error:
            raise HistoryError(f"host {host!r} cannot be read: {error}", hint="write web03 or web[01-20]") from error
        named = f"hosts.name IN ({', '.join('?' * len(names))})"
    values += names
    ended = ""
    if status is not None:
        ended = "AND hosts.status = ?"
        values.append(status.value)
    return f"number IN (SELECT hosts.run FROM hosts WHERE {named} {ended})"  # noqa: S608 - nothing of a user's


def _says(run: RunRecord, text: str) -> bool:
    wanted = text.casefold()
    return any(wanted in words.casefold() for words in (run.operation, " ".join(run.origin.argv), run.id))


def _unreadable(path: Path, error: Exception) -> HistoryError:
    return HistoryError(f"the history cannot be read: {why(error, path)}")
