"""Text that was cut in the middle of a character: where to cut instead, and how to put it together again."""

from __future__ import annotations

from fleetctl.events import Output, Stream


class WholeCharacters:
    """Moves the bytes of a character that is cut at the end of an Output to the next of that stream."""

    def __init__(self) -> None:
        self._cut: dict[tuple[str, Stream], bytes] = {}

    def complete(self, output: Output) -> bytes:
        data = self._cut.pop((output.host, output.stream), b"") + output.data
        cut = unfinished(data)
        if cut:
            self._cut[output.host, output.stream] = data[-cut:]
            return data[:-cut]
        return data

    def rest(self, host: str) -> list[tuple[Stream, bytes]]:
        """The characters that a host never finished."""
        streams: tuple[Stream, ...] = ("stdout", "stderr")
        return [(stream, self._cut.pop((host, stream))) for stream in streams if (host, stream) in self._cut]


def unfinished(data: bytes) -> int:
    """How many bytes at the end begin a character that may still be completed; 0 to 3."""
    for back in range(1, min(3, len(data)) + 1):
        byte = data[-back]
        if byte >= 0xC0:
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return back if back < length else 0
        if byte < 0x80:
            return 0
    return 0
