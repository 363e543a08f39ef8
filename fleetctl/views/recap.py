"""What a job came to on each host, on stderr before the closing lines: hosts of the same story in one row."""

from __future__ import annotations

import msgspec

from fleetctl.durations import elapsed
from fleetctl.events import Event, HostFinished, Outcome, RunFinished, RunStarted, Status, StepCounts
from fleetctl.nodes import fold
from fleetctl.views.neutral import sanitize
from fleetctl.views.screen import Screen

_HEAD = ("", "ok", "changed", "failed", "skipped", "time", "hosts")
_MOST_ROWS = 30
_COLOURS = {Status.OK: "32", Status.SKIPPED: "2", Status.CANCELLED: "33"}
_TROUBLE = "31"


class _Row(msgspec.Struct):
    """Hosts that ended alike; `seconds` is what the slowest took."""

    status: Status
    counts: StepCounts
    step: str
    seconds: float = 0.0
    hosts: list[str] = msgspec.field(default_factory=list)

    def cells(self) -> tuple[str, ...]:
        counts = self.counts
        numbers = map(str, (counts.ok, counts.changed, counts.failed, counts.skipped))
        at = f", at {sanitize(self.step)}" if self.step else ""
        return (self.status, *numbers, elapsed(self.seconds), f"{fold(self.hosts)} ({len(self.hosts)}){at}")


class Recap:
    """Says nothing of a run that is no job. Called from one thread."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._is_job = False
        self._rows: dict[tuple[Status, StepCounts, str], _Row] = {}

    def show(self, event: Event) -> None:
        match event:
            case RunStarted(steps=steps):
                self._is_job = bool(steps)
            case HostFinished(host=host, outcome=outcome) if self._is_job:
                self._sort_in(host, outcome)
            case RunFinished() if self._rows:
                self._say()

    def close(self) -> None:
        """Nothing is held open."""

    def _sort_in(self, host: str, outcome: Outcome) -> None:
        counts = outcome.steps or StepCounts()
        key = (outcome.status, counts, outcome.step)
        row = self._rows.setdefault(key, _Row(*key))
        row.hosts.append(host)
        row.seconds = max(row.seconds, outcome.seconds)

    def _say(self) -> None:
        """Who is not ok first, then the most hosts."""
        rows = sorted(self._rows.values(), key=lambda row: (row.status is Status.OK, -len(row.hosts), fold(row.hosts)))
        shown, left = rows[:_MOST_ROWS], rows[_MOST_ROWS:]
        table = [_HEAD, *(row.cells() for row in shown)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for row, cells in zip((None, *shown), table, strict=True):
            status, *numbers, hosts = cells
            padded = [number.rjust(width) for number, width in zip(numbers, widths[1:-1], strict=True)]
            title = status.ljust(widths[0])
            colour = "1" if row is None else _COLOURS.get(row.status, _TROUBLE)
            self._screen.say("  ".join([self._screen.paint(title, colour, out=False), *padded, hosts]))
        if left:
            hosts_left = [host for row in left for host in row.hosts]
            self._screen.say(f"and {len(left)} rows more: {fold(hosts_left)}")
