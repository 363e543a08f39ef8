"""Each host as a row of the page: how it ended, why, and its time as a bar."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from fleetctl.durations import elapsed
from fleetctl.events import Event, HostFinished, HostStarted, Outcome, RunStarted, Status, Totals, Transferred
from fleetctl.sizes import counted, readable
from fleetctl.views.neutral import sanitize
from fleetctl.views.reasons import reason
from fleetctl.views.step_groups import Ended

_LONGEST_WORDS = 600
_MOST_FILES = 5
_NARROWEST = 0.25
"""Percent of the width that even the shortest part has, so that it is seen."""


class Part(msgspec.Struct, frozen=True):
    """A part of a host's time: `kind` is connect, login, run or transfer; its place and width in percent."""

    kind: str
    x: str
    width: str


class Mark(msgspec.Struct, frozen=True):
    """A step of a job on the row of a host; its place and width in percent."""

    word: str
    x: str
    width: str
    told: str


class Row(msgspec.Struct, frozen=True):
    """All that the table says of a host.

    Args:
        marks: of a job, how each of its steps ended.
        groups: the numbers of the outputs that it shares: of a job several.
    """

    host: str
    status: Status
    exit_code: str
    seconds: float
    attempts: int
    parts: tuple[Part, ...]
    told: str
    why: str
    hint: str
    more: tuple[str, ...]
    marks: tuple[Mark, ...]
    groups: tuple[int, ...]


class Hosts:
    """Remembers of each host when it began and how it ended. For one thread."""

    def __init__(self) -> None:
        self._began: dict[str, float] = {}
        self.ended: dict[str, HostFinished] = {}
        self._files: dict[str, list[str]] = {}
        self._steps: dict[str, list[Ended]] = {}
        self._of = 1

    def note(self, event: Event) -> None:
        match event:
            case RunStarted(steps=steps, handlers=handlers):
                self._of = max(1, len(steps) + len(handlers))
            case HostStarted(host=host, at=at):
                self._began[host] = at
            case HostFinished(host=host):
                self.ended[host] = event
            case Transferred(host=host, path=path, error=error) if error is not None:
                files = self._files.setdefault(host, [])
                if len(files) < _MOST_FILES:
                    files.append(f"{path}: {error.message}")

    def note_step(self, ended: Ended) -> None:
        self._steps.setdefault(ended.host, []).append(ended)

    def began(self, host: str) -> float | None:
        """Seconds since the run began; None for a host that never was."""
        return self._began.get(host)

    def row(self, host: str, span: float, groups: tuple[int, ...]) -> Row:
        """One of those that ended.

        Args:
            span: seconds that the whole width of a bar stands for.
        """
        end = self.ended[host]
        outcome = end.outcome
        lengths = list(self._lengths(end))
        return Row(
            host=host,
            status=outcome.status,
            exit_code="" if outcome.exit_code is None else str(outcome.exit_code),
            seconds=outcome.seconds,
            attempts=outcome.attempts,
            parts=tuple(_parts(self._began.get(host, 0.0), lengths, span)),
            told=", ".join(f"{kind} {elapsed(seconds)}" for kind, seconds in lengths),
            why=_short(_why(outcome)),
            hint=_short(outcome.error.hint) if outcome.error is not None else "",
            more=tuple(map(_short, self._more(host, outcome))),
            marks=tuple(self._mark(ended) for ended in self._steps.get(host, ())),
            groups=groups,
        )

    def _mark(self, ended: Ended) -> Mark:
        width = 100 / self._of
        told = f"{ended.step}: {ended.ending.word}, {elapsed(ended.seconds)}"
        why = f": {ended.ending.why}" if ended.ending.why else ""
        return Mark(ended.ending.word, f"{width * (ended.number - 1):.2f}%", f"{width:.2f}%", _short(told + why))

    def _lengths(self, end: HostFinished) -> Iterator[tuple[str, float]]:
        began = self._began.get(end.host)
        if began is None:
            return
        timings, whole = end.outcome.timings, max(0.0, end.at - began)
        connect, login = timings.get("connect", 0.0), timings.get("handshake", 0.0) + timings.get("login", 0.0)
        if not timings:
            yield "connect" if end.outcome.exit_code is None else "run", whole
            return
        yield "connect", min(connect, whole)
        yield "login", min(login, max(0.0, whole - connect))
        yield "run" if end.outcome.totals is None else "transfer", max(0.0, whole - connect - login)

    def _more(self, host: str, outcome: Outcome) -> Iterator[str]:
        if outcome.totals is not None:
            yield _moved(outcome.totals)
        yield from self._files.get(host, [])
        if outcome.repeats:
            yield f"run {outcome.repeats + 1} times"
        if outcome.note:
            yield outcome.note
        if not outcome.remote_ended:
            yield "what was begun there may still run"


def _parts(began: float, lengths: list[tuple[str, float]], span: float) -> Iterator[Part]:
    at = began
    for kind, seconds in lengths:
        width = max(_NARROWEST, 100 * seconds / span)
        yield Part(kind, f"{min(100 * at / span, 100 - _NARROWEST):.2f}%", f"{width:.2f}%")
        at += seconds


def _why(outcome: Outcome) -> str:
    """The reason without what stands in other columns."""
    why = reason(outcome).removeprefix(f"{outcome.status}: ")
    return "" if why == f"exit {outcome.exit_code}" else why


def _moved(totals: Totals) -> str:
    parts = [f"{counted(totals.files, 'file')}, {readable(totals.bytes)}"]
    rest = ("linked", "unchanged", "deleted", "skipped", "failed")
    return " · ".join(parts + [f"{getattr(totals, name):,} {name}" for name in rest if getattr(totals, name)])


def _short(text: str) -> str:
    return sanitize(text if len(text) <= _LONGEST_WORDS else f"{text[:_LONGEST_WORDS]}…")
