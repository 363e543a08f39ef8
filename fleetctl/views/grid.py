"""Hosts and steps of a job as a grid: a row for each host at work or failed, in it a sign for each step."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import msgspec

from fleetctl.durations import elapsed
from fleetctl.events import (
    Event,
    HostFinished,
    HostStarted,
    RunStarted,
    Status,
    StepFinished,
    StepStarted,
    StepStatus,
)
from fleetctl.views.reasons import reason
from fleetctl.views.screen import GREY, Span
from fleetctl.views.widths import columns, padded

_TO_COME, _RUNNING = "·", "▸"
_SIGNS = {
    StepStatus.OK: "✔",
    StepStatus.CHANGED: "●",
    StepStatus.SKIPPED: "-",
    StepStatus.FAILED: "✘",
    StepStatus.IGNORED: "!",
}
_COLOURS = {"✔": "32", "●": "33", "-": GREY, "✘": "31", "!": "33", _RUNNING: "36", _TO_COME: GREY}
_TROUBLE = "31"
_WIDEST_NAME = 30
_WORDS = 24
"""Columns that are left for what a host is at, whatever the number of steps."""
_FEWEST_SIGNS = 5
_WAITING_AFTER = 1.0
"""Seconds between two steps before which nobody waits."""


class _Row(msgspec.Struct):
    """A host on its way.

    Args:
        place: among the hosts of the run.
        since: when the step began, or the last one ended.
        step: the name of the one that it is at, or "".
        number: of that one, or of the last one.
        why: it has failed, and so.
    """

    place: int
    signs: list[str]
    since: float
    step: str = ""
    number: int = 0
    why: str = ""


class Grid:
    """Knows only hosts that are at work or have failed; the others are counted. `now` never goes back.

    For one thread at a time. Of a run that is no job it shows nothing.
    """

    def __init__(self) -> None:
        self._steps = 0
        self._handlers = 0
        self._places: dict[str, int] = {}
        self._working: dict[str, _Row] = {}
        self._failed: dict[str, _Row] = {}
        self._fine: dict[str, int] = {}

    def note(self, event: Event, now: float) -> None:
        match event:
            case RunStarted(hosts=hosts, steps=steps, handlers=handlers):
                self._steps, self._handlers = len(steps), len(handlers)
                self._places = {host: place for place, host in enumerate(hosts)} if steps else {}
            case HostStarted(host=host) if host in self._places:
                signs = [_TO_COME] * (self._steps + self._handlers)
                self._working[host] = _Row(self._places[host], signs, now)
            case StepStarted(host=host, step=name, number=number) if host in self._working:
                self._mark(self._working[host], _RUNNING, name, number, now)
            case StepFinished(host=host, number=number, status=status) if host in self._working:
                self._mark(self._working[host], _SIGNS[status], "", number, now)
            case HostFinished(host=host) if host in self._places:
                self._finish(event)

    def lines(self, most: int, width: int, now: float) -> list[list[Span]]:
        """At most so many lines: those that fail last and those that work longest, in the order of the run."""
        if not self._working and not self._failed:
            return []
        room = most if len(self._places) <= most else most - 1
        failed = list(self._failed)[::-1][: max(room - len(self._working), room // 2, 0)]
        working = list(self._working)[: max(0, room - len(failed))]
        shown = sorted([*failed, *working], key=self._places.__getitem__)
        name_width = min(_WIDEST_NAME, width // 3, max(map(columns, shown), default=0))
        rows = [self._row(host, name_width, width, now) for host in shown]
        rest = self._rest(len(failed), len(working))
        return [*rows, [(rest, GREY)]] if rest and len(rows) < most else rows

    def _mark(self, row: _Row, sign: str, name: str, number: int, now: float) -> None:
        if 0 < number <= len(row.signs):
            row.signs[number - 1] = sign
        row.step, row.number, row.since = name, number, now

    def _finish(self, event: HostFinished) -> None:
        host, outcome = event.host, event.outcome
        row = self._working.pop(host, None)
        if row is None or outcome.status in {Status.OK, Status.SKIPPED, Status.CANCELLED}:
            self._fine[outcome.status] = self._fine.get(outcome.status, 0) + 1
            return
        row.signs = ["✘" if sign == _RUNNING else sign for sign in row.signs]
        row.why = reason(outcome)
        self._failed[host] = row

    def _row(self, host: str, name_width: int, width: int, now: float) -> list[Span]:
        row = self._failed.get(host) or self._working[host]
        room = max(_FEWEST_SIGNS, width - name_width - 2 - 2 - _WORDS)
        spans = [(padded(host, name_width), _TROUBLE if row.why else ""), ("  ", "")]
        spans += [(text, _COLOURS.get(text[0], "")) for text in _alike(self._signs(row, room))]
        return [*spans, ("  ", ""), (row.why or _doing(row, now), _TROUBLE if row.why else "")]

    def _signs(self, row: _Row, room: int) -> str:
        """Those around the step that it is at, where not all fit; handlers stand apart."""
        signs = "".join(row.signs[: self._steps])
        if self._handlers:
            signs = f"{signs} {''.join(row.signs[self._steps :])}"
        if len(signs) <= room:
            return signs
        start = min(max(0, row.number - room // 2), len(signs) - room)
        before, after = start > 0, start + room < len(signs)
        return "…" * before + signs[start + before : start + room - after] + "…" * after

    def _rest(self, failed: int, working: int) -> str:
        """`… and 83 more: 60 ok, 20 at work, 3 to come`; "" where all are shown."""
        more = len(self._places) - failed - working
        at_work, bad = len(self._working) - working, len(self._failed) - failed
        to_come = more - at_work - bad - sum(self._fine.values())
        parts = [f"{count} {status}" for status, count in self._fine.items()]
        parts += [
            f"{count} {word}" for count, word in ((bad, "failed"), (at_work, "at work"), (to_come, "to come")) if count
        ]
        return f"… and {more} more: {', '.join(parts)}" if more else ""


def _doing(row: _Row, now: float) -> str:
    """`restart nginx 12 s`, `waiting 3 s`."""
    seconds = max(0.0, now - row.since)
    if not row.step and seconds < _WAITING_AFTER:
        return ""
    return f"{row.step or 'waiting'} {f'{seconds:.0f} s' if seconds < 60 else elapsed(seconds)}"


def _alike(signs: str) -> Iterator[str]:
    """Signs of one kind that follow one another, together."""
    return ("".join(group) for _, group in groupby(signs))
