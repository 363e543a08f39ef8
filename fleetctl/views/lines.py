"""Bytes as they come, cut into lines per host and stream; a line without end is let through in pieces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fleetctl.events import Output, Stream
from fleetctl.views.characters import unfinished

_LONGEST_HELD = 64 * 1024
_LONGEST_SEQUENCE = 64

Source = tuple[str, Stream]


class LineCutter:
    """Holds the unfinished last line of each source."""

    def __init__(self) -> None:
        self._held: dict[Source, bytes] = {}

    def feed(self, output: Output) -> Iterator[bytes]:
        """Finished lines with their newline, and pieces without one where a line grows too long to hold."""
        source = (output.host, output.stream)
        lines, rest = _cut(self._held.pop(source, b""), output.data)
        if rest:
            self._held[source] = rest
        yield from lines

    def rest(self, host: str) -> Iterator[tuple[Stream, bytes]]:
        """What a host left unfinished at its end."""
        streams: tuple[Stream, ...] = ("stdout", "stderr")
        for stream in streams:
            held = self._held.pop((host, stream), b"")
            if held:
                yield stream, held


def in_whole_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in blocks that end where a line ends, but for lines too long to hold and the last one."""
    held = b""
    for piece in pieces:
        lines, held = _cut(held, piece)
        yield from lines
    if held:
        yield held


def _cut(held: bytes, data: bytes) -> tuple[list[bytes], bytes]:
    """What can go on, and what waits for its newline."""
    whole = held + data if held else data
    end = whole.rfind(b"\n") + 1
    blocks = [whole[:end]] if end else []
    rest = whole[end:]
    if len(rest) > _LONGEST_HELD:
        end = _safe_end(rest)
        return [*blocks, rest[:end]], rest[end:]
    return blocks, rest


def _safe_end(line: bytes) -> int:
    """Where a long line can be cut: not in mid-character, and not in a control sequence, unless that is long too."""
    escape = line.rfind(b"\x1b", -_LONGEST_SEQUENCE)
    return escape if escape >= 0 else len(line) - unfinished(line)
