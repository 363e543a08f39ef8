"""Each line as it comes, its host in front: on a terminal in colour, piped as `web01: line`.

Of a job, a line with the name of the step stands above what a host says in it.
"""

from __future__ import annotations

import zlib

from fleetctl.events import (
    Event,
    HostFinished,
    HostStarted,
    Output,
    RunFinished,
    RunStarted,
    Status,
    StepFinished,
    StepStarted,
    Stream,
)
from fleetctl.views.layout import Layout
from fleetctl.views.lines import LineCutter, Source
from fleetctl.views.neutral import sanitize, sanitize_line
from fleetctl.views.reasons import reason
from fleetctl.views.screen import Screen

_COLOURS = ("36", "32", "33", "35", "34", "96", "92", "93", "95", "94")
_STDERR_COLOUR = "31"
_WIDEST_NAME = 30
_TERMINAL = "terminal"


class StreamView:
    """stdout of hosts goes to stdout, their stderr to stderr. Called from one thread."""

    def __init__(self, screen: Screen, layout: Layout) -> None:
        self._screen = screen
        self._layout = layout
        self._lines = LineCutter()
        self._name_width = 0
        self._prefixes: dict[Source, bytes] = {}
        self._begun: set[str] = set()
        self._steps: dict[str, str] = {}
        self._surface = {
            "stdout": _TERMINAL if screen.out_is_terminal else "stdout",
            "stderr": _TERMINAL if screen.err_is_terminal else "stderr",
        }
        self._unfinished: dict[str, Source] = {}

    def show(self, event: Event) -> None:
        match event:
            case Output(host=host, stream=stream):
                self._name_step((host, stream))
                for piece in self._lines.feed(event):
                    self._put((host, stream), piece)
            case HostStarted(host=host):
                self._begun.add(host)
            case StepStarted(host=host, step=step) if self._layout.prefix:
                self._steps[host] = step
            case StepFinished(host=host):
                self._end_lines(host)
            case HostFinished():
                self._finish(event)
            case RunStarted(hosts=hosts):
                self._name_width = min(_WIDEST_NAME, max(map(len, hosts), default=0))
            case RunFinished():
                self._end_line(_TERMINAL)

    def close(self) -> None:
        """Nothing is held open: every line was finished when its host was."""

    def _name_step(self, source: Source) -> None:
        """Above the first that a host says in it: a step in which it says nothing has no line."""
        step = self._steps.pop(source[0], "")
        if step:
            words = self._screen.paint(f"── {sanitize(step)}", "2", out=source[1] == "stdout")
            self._put(source, f"{words}\n".encode(errors="replace"))

    def _end_lines(self, host: str) -> None:
        """What it says next is not of that line."""
        self._steps.pop(host, None)
        for stream, rest in self._lines.rest(host):
            self._put((host, stream), rest)
        if self._layout.prefix:
            for surface in [surface for surface, source in self._unfinished.items() if source[0] == host]:
                self._end_line(surface)

    def _finish(self, event: HostFinished) -> None:
        host = event.host
        self._end_lines(host)
        why = reason(event.outcome)
        if why and (host in self._begun or event.outcome.status not in {Status.CANCELLED, Status.SKIPPED}):
            self._end_line(self._surface["stderr"])
            self._screen.say(f"{self._screen.paint(host, '1', out=False)}: {sanitize(why)}")
        self._begun.discard(host)
        for stream in ("stdout", "stderr"):
            self._prefixes.pop((host, stream), None)

    def _put(self, source: Source, data: bytes) -> None:
        surface = self._surface[source[1]]
        going_on = self._unfinished.get(surface) == source
        if not going_on:
            self._end_line(surface)
        if data.endswith(b"\n"):
            self._unfinished.pop(surface, None)
        else:
            self._unfinished[surface] = source
        self._write(source, self._shown(source, data, going_on=going_on))

    def _shown(self, source: Source, data: bytes, *, going_on: bool) -> bytes:
        prefix = self._prefix(source)
        neutral = self._surface[source[1]] == _TERMINAL and not self._layout.raw
        if not prefix and not neutral:
            return data
        lines = data.removesuffix(b"\n").split(b"\n")
        if neutral:
            lines = [sanitize_line(line, colour=self._screen.colour) for line in lines]
        end = b"\n" if data.endswith(b"\n") else b""
        return (b"" if going_on else prefix) + (b"\n" + prefix).join(lines) + end

    def _prefix(self, source: Source) -> bytes:
        if not self._layout.prefix:
            return b""
        prefix = self._prefixes.get(source)
        if prefix is None:
            prefix = self._prefixes[source] = self._made_prefix(*source).encode()
        return prefix

    def _made_prefix(self, host: str, stream: Stream) -> str:
        if self._surface[stream] != _TERMINAL:
            return f"{host}: "
        out = stream == "stdout"
        name = self._screen.paint(host.ljust(self._name_width), _colour_of(host), out=out)
        bar = self._screen.paint("│", "2", out=True) if out else self._stderr_bar()
        return f"{name} {bar} "

    def _stderr_bar(self) -> str:
        return self._screen.paint("┃", _STDERR_COLOUR, out=False) if self._screen.colour else "!"

    def _end_line(self, surface: str) -> None:
        """Finish a line that stands unfinished there, so that something else can follow."""
        source = self._unfinished.pop(surface, None)
        if source is not None:
            self._write(source, b"\n")

    def _write(self, source: Source, data: bytes) -> None:
        write = self._screen.write if source[1] == "stdout" else self._screen.write_err
        write(data)


def _colour_of(host: str) -> str:
    return _COLOURS[zlib.crc32(host.encode()) % len(_COLOURS)]
