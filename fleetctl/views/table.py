"""One row per host: status, exit code or how many steps, seconds, last line. And the plain tables of other commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fleetctl.events import Event, HostFinished, Output, RunFinished, RunStarted, Status, StepCounts
from fleetctl.views.layout import Layout
from fleetctl.views.neutral import sanitize
from fleetctl.views.reasons import reason
from fleetctl.views.screen import Screen

_LONGEST_LAST_LINE = 500
_STYLES = {
    Status.OK: "green",
    Status.SKIPPED: "dim",
    Status.CANCELLED: "yellow",
    "new": "yellow",
    "same": "green",
    "certified": "green",
    "running": "cyan",
    "stopped": "yellow",
}
_TROUBLE = "bold red"
_CUT_SHORT = {Status.TIMEOUT, Status.CANCELLED}
_COLUMNS = ("host", "status", "exit", "seconds", "last line")
_JOB_COLUMNS = ("host", "status", "ok", "changed", "failed", "skipped", "seconds", "last line")
_STATUS = 1
_GAP = 3
_EDGES = 2
"""Columns that rich takes between two cells, and around a row."""


class _LastLine:
    """The beginning of the last line that is not blank, of a stream that comes in pieces."""

    def __init__(self) -> None:
        self._line = b""
        self._open = b""

    def feed(self, data: bytes) -> None:
        lines, newline, rest = data.rpartition(b"\n")
        if newline:
            whole = (self._open + lines).rstrip()
            self._line = whole.rpartition(b"\n")[2].strip()[:_LONGEST_LAST_LINE] or self._line
            self._open = b""
        self._open = (self._open + rest[:_LONGEST_LAST_LINE])[:_LONGEST_LAST_LINE]

    def text(self) -> str:
        return (self._open.strip() or self._line).decode(errors="replace")


class TableView:
    """Shows nothing until the run is over. Keeps one line per host. Called from one thread."""

    def __init__(self, screen: Screen, _layout: Layout) -> None:
        self._screen = screen
        self._last: dict[tuple[str, str], _LastLine] = {}
        self._order: tuple[str, ...] = ()
        self._is_job = False
        self._rows: dict[str, tuple[str, ...]] = {}

    def show(self, event: Event) -> None:
        match event:
            case RunStarted(hosts=hosts, steps=steps):
                self._order = hosts
                self._is_job = bool(steps)
            case Output(host=host, stream=stream, data=data):
                self._last.setdefault((host, stream), _LastLine()).feed(data)
            case HostFinished():
                self._finish(event)
            case RunFinished():
                rows = [self._rows[host] for host in self._order if host in self._rows]
                columns = _JOB_COLUMNS if self._is_job else _COLUMNS
                render_table(self._screen, columns, rows, style_by=_STATUS, keep=_STATUS + 1)

    def close(self) -> None:
        """Nothing is held open."""

    def _finish(self, event: HostFinished) -> None:
        host, outcome = event.host, event.outcome
        out, err = (self._last.pop((host, stream), _LastLine()).text() for stream in ("stdout", "stderr"))
        last = "" if outcome.status in _CUT_SHORT else out or err  # what became of it says more than its last words
        why = reason(outcome).removeprefix(f"{outcome.status}: ")
        if self._is_job:
            cells, words = _counts(outcome.steps or StepCounts()), why or last
        else:
            cells = ["" if outcome.exit_code is None else str(outcome.exit_code)]
            words = last or ("" if outcome.exit_code is not None else why)
        self._rows[host] = (host, outcome.status, *cells, f"{outcome.seconds:.2f}", words)


def _counts(steps: StepCounts) -> list[str]:
    return [str(count) for count in (steps.ok, steps.changed, steps.failed, steps.skipped)]


def render_table(
    screen: Screen,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    style_by: int | None = None,
    keep: int | None = None,
) -> None:
    """A table on stdout: with rules and colours on a terminal, aligned text of full width when piped.

    Args:
        style_by: the column whose words decide about a row's colour.
        keep: on a terminal a row takes one line: the last column is cut, then columns are left out from the
            right, down to this many. Without it long cells go on below, and nothing is lost.

    A terminal too narrow for either has the text that is piped, of the columns that are kept.
    """
    safe = [[sanitize(cell) for cell in row] for row in rows]
    if not screen.out_is_terminal:
        _render_plain(screen, columns, safe)
        return
    in_one_line = keep is not None
    fewest = len(columns) if keep is None else keep
    fitting = _how_many_fit(screen.out_width, fewest, _least_widths(columns, safe, in_one_line=in_one_line))
    shown, cells = columns[: fitting or fewest], [row[: fitting or fewest] for row in safe]
    if fitting:
        _render_rich(screen, shown, cells, style_by, in_one_line=in_one_line)
    else:
        _render_plain(screen, shown, cells)


def _least_widths(columns: Sequence[str], rows: Sequence[Sequence[str]], *, in_one_line: bool) -> list[int]:
    """Columns of the terminal that each column needs: room for its name, and for its cells unless they can give way."""
    from rich.cells import cell_len

    whole = len(columns) - 1 if in_one_line else 0
    return [
        max(map(cell_len, cells if n < whole else cells[:1]))
        for n, cells in enumerate(zip(columns, *rows, strict=True))
    ]


def _how_many_fit(width: int, fewest: int, least: Sequence[int]) -> int:
    """How many columns, counted from the left, fit; 0 when not even the fewest do."""
    counts = range(len(least), fewest - 1, -1)
    return next((n for n in counts if sum(least[:n]) + _GAP * (n - 1) + _EDGES <= width), 0)


def _render_plain(screen: Screen, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    lines = ("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in (columns, *rows))
    screen.write("".join(f"{line}\n" for line in lines).encode(errors="replace"))


def _render_rich(
    screen: Screen, columns: Sequence[str], rows: Sequence[Sequence[str]], style_by: int | None, *, in_one_line: bool
) -> None:
    from io import StringIO

    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=SIMPLE_HEAD, pad_edge=False)
    for column in table.columns:
        column.overflow = "fold"
    for column in table.columns[:-1] if in_one_line else ():
        column.no_wrap = True  # so that the last one alone gives way
    styles: Mapping[str, str] = {str(word): style for word, style in _STYLES.items()}
    for row in rows:
        style = styles.get(row[style_by], _TROUBLE) if style_by is not None else ""
        cells = [Text(cell, style if n == style_by else "") for n, cell in enumerate(row)]
        if in_one_line:
            cells[-1].no_wrap, cells[-1].overflow = True, "ellipsis"
        table.add_row(*cells)
    text = StringIO()
    console = Console(
        file=text,
        width=screen.out_width,
        force_terminal=screen.colour,
        color_system="standard" if screen.colour else None,
        highlight=False,
    )
    console.print(table)
    screen.write(text.getvalue().encode(errors="replace"))
