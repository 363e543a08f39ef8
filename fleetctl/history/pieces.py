"""What came of one host in one batch, as one value of the database: events one after the other, compressed.

Outputs of the same stream that follow each other become one, so that a host that writes byte by byte costs no more.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import msgspec

from fleetctl.events import (
    BatchFinished,
    BatchStarted,
    Output,
    StepFinished,
    StepStarted,
    Stream,
    Transferred,
)
from fleetctl.history import encoding


class Spooled(msgspec.Struct, frozen=True, tag_field="type", tag="spooled"):
    """A note to ourselves: up to there the full text of a host's long output has been dealt with."""

    host: str
    stream: Stream
    size: int
    seq: int


Happened = Output | Transferred | BatchStarted | BatchFinished | StepStarted | StepFinished
"""The events that are kept as they are; all others are columns."""
Kept = Happened | Spooled

_FAST = 1
_TOO_SHORT = 200
"""Bytes that are not worth compressing."""

_decoder = msgspec.msgpack.Decoder(list[Kept])


def encode(events: Iterable[Kept]) -> bytes:
    raw = encoding.encode(list(events))
    return raw if len(raw) < _TOO_SHORT else zlib.compress(raw, _FAST)


def decode(data: bytes) -> list[Kept]:
    """A list in MessagePack never begins like a compressed text, which begins with `x`."""
    return _decoder.decode(zlib.decompress(data) if data.startswith(b"x") else data)


def merged(events: Iterable[Happened]) -> list[Happened]:
    """The same with consecutive outputs of one stream put together; the first one's place and time hold."""
    together: list[Happened] = []
    parts: list[bytes] = []

    def close() -> None:
        if len(parts) > 1:
            together[-1] = msgspec.structs.replace(together[-1], data=b"".join(parts))
        parts.clear()

    for event in events:
        last = together[-1] if together else None
        if isinstance(event, Output):
            if isinstance(last, Output) and last.stream == event.stream:
                parts.append(event.data)
                continue
            close()
            parts.append(event.data)
        else:
            close()
        together.append(event)
    close()
    return together
