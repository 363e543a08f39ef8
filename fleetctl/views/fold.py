"""Hosts that said the same, told once: groups under folded names, the largest first."""

from __future__ import annotations

import difflib

from fleetctl.events import Event, HostFinished, Output, RunFinished, Status
from fleetctl.nodes import fold
from fleetctl.views.layout import Layout
from fleetctl.views.neutral import sanitize
from fleetctl.views.reasons import reason
from fleetctl.views.screen import Screen
from fleetctl.views.spool import Kept, Result, Spool

_MAX_DIFF_BYTES = 1024 * 1024
_RULE = "─"


class FoldView:
    """Shows nothing until the run is over, then each group once. Called from one thread."""

    def __init__(self, screen: Screen, layout: Layout) -> None:
        self._screen = screen
        self._layout = layout
        self._spool = Spool()
        self._groups: dict[tuple[object, ...], list[Result]] = {}

    def show(self, event: Event) -> None:
        match event:
            case Output():
                self._spool.add(event)
            case HostFinished(host=host, outcome=outcome):
                result = self._spool.finish(host, outcome)
                if _is_worth_a_group(result):
                    self._groups.setdefault(result.likeness, []).append(result)
            case RunFinished():
                self._show_groups()

    def close(self) -> None:
        self._spool.close()

    def _show_groups(self) -> None:
        groups = sorted(self._groups.values(), key=lambda group: (-len(group), group[0].host))
        largest: Result | None = None
        for group in groups:
            self._put(self._heading(group))
            if largest is not None and self._layout.diff and (difference := self._difference(largest, group[0])):
                self._put(difference)
            else:
                self._show_output(group[0])
            largest = largest or group[0]

    def _heading(self, group: list[Result]) -> str:
        title = f"{fold(result.host for result in group)} ({len(group)})"
        why = reason(group[0].outcome)
        rule = _RULE * min(max(len(title), 15), 60)
        shown = self._screen.paint(title, "1", out=True) + (f" · {sanitize(why)}" if why else "")
        return f"{rule}\n{shown}\n{rule}\n"

    def _show_output(self, result: Result) -> None:
        if not result.stdout.size and not result.stderr.size:
            self._put("(no output)\n")
        self._show_stream(result.stdout, "")
        self._show_stream(result.stderr, self._screen.paint("! ", "31", out=True))

    def _show_stream(self, kept: Kept, mark: str) -> None:
        if not kept.size:
            return
        if self._screen.out_is_terminal and not self._layout.raw:
            lines = self._spool.text(kept).decode(errors="replace").removesuffix("\n").split("\n")
            self._put(
                "".join(f"{mark}{sanitize(x.removesuffix(chr(13)), colour=self._screen.colour)}\n" for x in lines)
            )
        elif mark:
            lines_of_bytes = self._spool.text(kept).removesuffix(b"\n").split(b"\n")
            self._screen.write(b"".join(mark.encode() + line + b"\n" for line in lines_of_bytes))
        else:
            last = b""
            for last in self._spool.read(kept):
                self._screen.write(last)
            if not last.endswith(b"\n"):
                self._put("\n")
        if kept.omitted:
            self._put(f"… {kept.omitted:,} bytes more are not shown; --save DIR keeps all of them\n")

    def _difference(self, largest: Result, other: Result) -> str:
        """A unified diff of stdout; "" where the streams are too large or too alike for one to help."""
        if max(largest.stdout.size, other.stdout.size) > _MAX_DIFF_BYTES:
            return ""
        before, after = (self._spool.text(r.stdout).decode(errors="replace").splitlines() for r in (largest, other))
        lines = list(difflib.unified_diff(before, after, largest.host, other.host, lineterm="", n=1))
        return "".join(f"{self._coloured(line)}\n" for line in lines)

    def _coloured(self, line: str) -> str:
        safe = sanitize(line) if self._screen.out_is_terminal else line
        code = {"+": "32", "-": "31", "@": "36"}.get(line[:1])
        return self._screen.paint(safe, code, out=True) if code else safe

    def _put(self, text: str) -> None:
        self._screen.write(text.encode(errors="replace"))


def _is_worth_a_group(result: Result) -> bool:
    """Hosts that never came to speak are in the closing lines, with their reason."""
    spoke = bool(result.stdout.size or result.stderr.size)
    return spoke or result.outcome.status in {Status.OK, Status.FAILED}
