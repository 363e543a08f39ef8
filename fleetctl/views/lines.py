"""Bytes as they come, cut into lines per host and stream; a line without end is let through in pieces."""

from __future__ import annotations

from collections.abc import Iterator

from fleetctl.events import Output, Stream

_LONGEST_HELD = 64 * 1024

Source = tuple[str, Stream]


class LineCutter:
    """Holds the unfinished last line of each source."""

    def __init__(self) -> None:
        self._held: dict[Source, bytes] = {}

    def feed(self, output: Output) -> Iterator[bytes]:
        """Finished lines with their newline, and pieces without one where a line grows too long to hold."""
        source = (output.host, output.stream)
        held = self._held.pop(source, b"")
        data = held + output.data if held else output.data
        end = data.rfind(b"\n") + 1
        if end:
            yield data[:end]
        rest = data[end:]
        if len(rest) > _LONGEST_HELD:
            yield rest
        elif rest:
            self._held[source] = rest

    def rest(self, host: str) -> Iterator[tuple[Stream, bytes]]:
        """What a host left unfinished at its end."""
        streams: tuple[Stream, ...] = ("stdout", "stderr")
        for stream in streams:
            held = self._held.pop((host, stream), b"")
            if held:
                yield stream, held
