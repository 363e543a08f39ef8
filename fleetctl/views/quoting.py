"""What a host said, under a heading: line by line, stderr with a mark, harmless on a terminal."""

from __future__ import annotations

from fleetctl.views.layout import Layout
from fleetctl.views.lines import in_whole_lines
from fleetctl.views.neutral import sanitize_line
from fleetctl.views.screen import Screen
from fleetctl.views.spool import Kept, Result, Spool


class Quoting:
    """For one thread.

    Args:
        indent: stands in front of each line.
    """

    def __init__(self, screen: Screen, layout: Layout, spool: Spool, indent: str = "") -> None:
        self._screen = screen
        self._layout = layout
        self._spool = spool
        self._indent = indent

    def show(self, result: Result) -> None:
        """Both streams, the one after the other. Raises: OSError."""
        self._show_stream(result.stdout, self._indent.encode())
        mark = self._indent + self._screen.paint("! ", "31", out=True)
        self._show_stream(result.stderr, mark.encode())

    def _show_stream(self, kept: Kept, mark: bytes) -> None:
        at_start = True
        for block in in_whole_lines(self._spool.read(kept)):
            lines = [self._safe(line) for line in block.removesuffix(b"\n").split(b"\n")]
            ended = block.endswith(b"\n")
            self._screen.write((mark if at_start else b"") + (b"\n" + mark).join(lines) + b"\n" * ended)
            at_start = ended
        if not at_start:
            self._screen.write(b"\n")
        if kept.omitted:
            words = f"{self._indent}… {kept.omitted:,} bytes more are not shown; --save DIR keeps all of them\n"
            self._screen.write(words.encode())

    def _safe(self, line: bytes) -> bytes:
        if not self._screen.out_is_terminal or self._layout.raw:
            return line
        return sanitize_line(line, colour=self._screen.colour)
