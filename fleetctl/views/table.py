"""One row per host: status, exit code, seconds, last line. And the plain tables of other commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fleetctl.events import Event, HostFinished, Output, RunFinished, RunStarted, Status
from fleetctl.views.layout import Layout
from fleetctl.views.lines import LineCutter
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
}
_TROUBLE = "bold red"
_COLUMNS = ("host", "status", "exit", "seconds", "last line")


class TableView:
    """Shows nothing until the run is over. Keeps one line per host. Called from one thread."""

    def __init__(self, screen: Screen, _layout: Layout) -> None:
        self._screen = screen
        self._cutters: dict[str, LineCutter] = {}
        self._last: dict[str, bytes] = {}
        self._order: tuple[str, ...] = ()
        self._rows: dict[str, tuple[str, ...]] = {}

    def show(self, event: Event) -> None:
        match event:
            case RunStarted(hosts=hosts):
                self._order = hosts
            case Output(host=host):
                for lines in self._cutters.setdefault(host, LineCutter()).feed(event):
                    self._note(host, lines)
            case HostFinished(host=host):
                self._finish(event)
            case RunFinished():
                render_table(self._screen, _COLUMNS, [self._rows[host] for host in self._order], style_by=1)

    def close(self) -> None:
        """Nothing is held open."""

    def _note(self, host: str, lines: bytes) -> None:
        last = lines.rstrip(b"\n").rpartition(b"\n")[2].strip()
        if last:
            self._last[host] = last[:_LONGEST_LAST_LINE]

    def _finish(self, event: HostFinished) -> None:
        host, outcome = event.host, event.outcome
        cutter = self._cutters.pop(host, None)
        for _, rest in cutter.rest(host) if cutter else ():
            self._note(host, rest)
        last = self._last.pop(host, b"").decode(errors="replace")
        code = "" if outcome.exit_code is None else str(outcome.exit_code)
        words = last or ("" if outcome.exit_code is not None else reason(outcome).removeprefix(f"{outcome.status}: "))
        self._rows[host] = (host, outcome.status, code, f"{outcome.seconds:.2f}", words)


def render_table(
    screen: Screen, columns: Sequence[str], rows: Sequence[Sequence[str]], *, style_by: int | None = None
) -> None:
    """A table on stdout: with rules and colours on a terminal, aligned text of full width when piped.

    Args:
        style_by: the column whose words decide about a row's colour.
    """
    safe = [[sanitize(cell) for cell in row] for row in rows]
    if screen.out_is_terminal:
        _render_rich(screen, columns, safe, style_by)
    else:
        _render_plain(screen, columns, safe)


def _render_plain(screen: Screen, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    lines = ("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in (columns, *rows))
    screen.write("".join(f"{line}\n" for line in lines).encode(errors="replace"))


def _render_rich(screen: Screen, columns: Sequence[str], rows: Sequence[Sequence[str]], style_by: int | None) -> None:
    from io import StringIO

    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=SIMPLE_HEAD, pad_edge=False)
    for column in table.columns[:-1]:
        column.no_wrap = True
    styles: Mapping[str, str] = {str(word): style for word, style in _STYLES.items()}
    for row in rows:
        style = styles.get(row[style_by], _TROUBLE) if style_by is not None else ""
        table.add_row(*(Text(cell, style if n == style_by else "") for n, cell in enumerate(row)))
    text = StringIO()
    console = Console(file=text, width=screen.width, force_terminal=True, no_color=not screen.colour, highlight=False)
    console.print(table)
    screen.write(text.getvalue().encode(errors="replace"))
