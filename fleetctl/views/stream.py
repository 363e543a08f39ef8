"""Each line as it comes, its host in front: on a terminal in colour, piped as `web01: line`."""

from __future__ import annotations

import zlib

from fleetctl.events import Event, HostFinished, Output, RunStarted, Stream
from fleetctl.views.layout import Layout
from fleetctl.views.lines import LineCutter, Source
from fleetctl.views.neutral import sanitize
from fleetctl.views.reasons import reason
from fleetctl.views.screen import Screen

_COLOURS = ("36", "32", "33", "35", "34", "96", "92", "93", "95", "94")
_STDERR_COLOUR = "31"
_WIDEST_NAME = 30


class StreamView:
    """stdout of hosts goes to stdout, their stderr to stderr. Called from one thread."""

    def __init__(self, screen: Screen, layout: Layout) -> None:
        self._screen = screen
        self._layout = layout
        self._lines = LineCutter()
        self._name_width = 0
        self._unfinished: Source | None = None

    def show(self, event: Event) -> None:
        match event:
            case Output():
                for piece in self._lines.feed(event):
                    self._put((event.host, event.stream), piece)
            case HostFinished(host=host, outcome=outcome):
                for stream, rest in self._lines.rest(host):
                    self._put((host, stream), rest)
                    self._end_line(host)
                why = reason(outcome)
                if why:
                    self._end_line()
                    self._screen.say(f"{self._screen.paint(host, '1', out=False)}: {sanitize(why)}")
            case RunStarted(hosts=hosts):
                self._name_width = min(_WIDEST_NAME, max(map(len, hosts), default=0))

    def close(self) -> None:
        """Nothing is held open: every line was finished when its host was."""

    def _put(self, source: Source, data: bytes) -> None:
        host, stream = source
        going_on = self._unfinished == source
        if not going_on:
            self._end_line()
        terminal = self._screen.out_is_terminal if stream == "stdout" else self._screen.err_is_terminal
        if terminal and not self._layout.raw:
            shown = self._for_terminal(host, stream, data, going_on=going_on)
        else:
            shown = self._piped(host, data, going_on=going_on)
        self._unfinished = None if data.endswith(b"\n") else source
        write = self._screen.write if stream == "stdout" else self._screen.write_err
        write(shown)

    def _piped(self, host: str, data: bytes, *, going_on: bool) -> bytes:
        if not self._layout.prefix:
            return data
        prefix = f"{host}: ".encode()
        lines = data.split(b"\n")
        ended = lines.pop() == b"" if data.endswith(b"\n") else False
        text = (b"\n" + prefix).join(lines) + (b"\n" if ended else b"")
        return text if going_on else prefix + text

    def _for_terminal(self, host: str, stream: Stream, data: bytes, *, going_on: bool) -> bytes:
        prefix = self._prefix(host, stream)
        ended = data.endswith(b"\n")
        lines = data.decode(errors="replace").removesuffix("\n").split("\n")
        shown = [sanitize(line.removesuffix("\r"), colour=self._screen.colour) for line in lines]
        text = ("\n" + prefix).join(shown) + ("\n" if ended else "")
        return (text if going_on else prefix + text).encode(errors="replace")

    def _prefix(self, host: str, stream: Stream) -> str:
        if not self._layout.prefix:
            return ""
        colour = _COLOURS[zlib.crc32(host.encode()) % len(_COLOURS)]
        out = stream == "stdout"
        bar = self._screen.paint("│", "2", out=True) if out else self._screen.paint("┃", _STDERR_COLOUR, out=False)
        return f"{self._screen.paint(host.ljust(self._name_width), colour, out=out)} {bar} "

    def _end_line(self, host: str = "") -> None:
        """Finish a line that stands unfinished; with a host, only its own and only where lines have prefixes."""
        source = self._unfinished
        if source is None or (host and not self._layout.prefix):
            return
        self._unfinished = None
        write = self._screen.write if source[1] == "stdout" else self._screen.write_err
        write(b"\n")
