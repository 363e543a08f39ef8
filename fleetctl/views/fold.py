"""Hosts that said the same, told once: groups under folded names, the largest first."""

from __future__ import annotations

from collections.abc import Iterator

from fleetctl.events import Event, HostFinished, Output, RunFinished
from fleetctl.views.diff import Differ, Incomparable
from fleetctl.views.grouping import Group, Groups
from fleetctl.views.layout import Layout
from fleetctl.views.neutral import sanitize, spell_out
from fleetctl.views.quoting import Quoting
from fleetctl.views.screen import Screen
from fleetctl.views.spool import Result, Spool

_RULE = "─"
_DIFF_COLOURS = {"+": "32", "-": "31", "@": "36"}


class FoldView:
    """Shows nothing until the run is over, then each group once. Called from one thread.

    Raises: OSError from `show` when stdout fails, or the disk that keeps the output: at the end in mid-group too.
    """

    def __init__(self, screen: Screen, layout: Layout) -> None:
        self._screen = screen
        self._layout = layout
        self._spool = Spool()
        self._differ = Differ(self._spool)
        self._quoting = Quoting(screen, layout, self._spool)
        self._groups = Groups()

    def show(self, event: Event) -> None:
        match event:
            case Output():
                self._spool.add(event)
            case HostFinished(host=host, outcome=outcome):
                self._groups.sort_in(self._spool.finish(host, outcome))
            case RunFinished():
                self._show_groups()

    def close(self) -> None:
        self._spool.close()

    def _show_groups(self) -> None:
        named = self._groups.by_size()
        largest = named[0] if named else None
        for names, group in named:
            self._put(self._heading(names, group))
            if largest is None or group is largest[1] or not self._layout.diff:
                self._show_output(group.like)
            else:
                self._show_difference(largest[0], largest[1].like, names, group.like)

    def _heading(self, names: str, group: Group) -> str:
        title = f"{names} ({len(group.hosts)})"
        rule = _RULE * min(max(len(title), 15), 60)
        shown = self._screen.paint(title, "1", out=True) + (f" · {sanitize(group.why)}" if group.why else "")
        return f"{rule}\n{shown}\n{rule}\n"

    def _show_output(self, result: Result) -> None:
        if not result.spoke:
            self._put("(no output)\n")
        self._quoting.show(result)

    def _show_difference(self, largest: str, before: Result, names: str, after: Result) -> None:
        """A unified diff against the largest group; all of the output where the two cannot be compared."""
        try:
            hunks = [
                (mark, self._differ.hunks(old, new))
                for mark, old, new in (("", before.stdout, after.stdout), ("! ", before.stderr, after.stderr))
            ]
        except Incomparable as why:
            self._put(f"(not compared with {largest}: {why}; this is all of it)\n")
            self._show_output(after)
            return
        lines = [line for mark, hunk in hunks for line in self._with_names(f"{mark}{largest}", f"{mark}{names}", hunk)]
        self._screen.write(b"".join(lines) or b"(the same output)\n")

    def _with_names(self, before: str, after: str, hunks: list[bytes]) -> Iterator[bytes]:
        if not hunks:
            return
        yield self._painted(f"--- {before}".encode())
        yield self._painted(f"+++ {after}".encode())
        yield from map(self._painted, hunks)

    def _painted(self, line: bytes) -> bytes:
        return shown_change(line, self._screen, raw=self._layout.raw)

    def _put(self, text: str) -> None:
        self._screen.write(text.encode(errors="replace"))


def shown_change(line: bytes, screen: Screen, *, raw: bool) -> bytes:
    """A line of a diff. On a terminal all that may differ is to be seen: control sequences are spelled out."""
    untouched = raw or not screen.out_is_terminal
    text = line.decode(errors="surrogateescape" if untouched else "backslashreplace")
    shown = text if untouched else spell_out(text)
    colour = _DIFF_COLOURS.get(text[:1])
    painted = screen.paint(shown, colour, out=True) if colour else shown
    return f"{painted}\n".encode(errors="surrogateescape")
