"""Output kept until a view needs it: a little in memory, the rest in one nameless file, equal outputs once."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

from fleetctl.events import Outcome, Output, Stream

CAP = 8 * 1024 * 1024
"""Bytes kept per host and stream; what comes after is counted and told apart by its digest, not kept."""

_MEMORY = 16 * 1024 * 1024

Piece = bytes | tuple[int, int]
"""Bytes in memory, or offset and length in the file."""


@dataclass(slots=True)
class Kept:
    """One stream of one host: its pieces, how much is missing at its end, and the digest of all of it."""

    pieces: list[Piece] = field(default_factory=list)
    size: int = 0
    omitted: int = 0
    digest: bytes = b""


@dataclass(frozen=True, slots=True)
class Result:
    """A host that is done: its outcome and both streams."""

    host: str
    outcome: Outcome
    stdout: Kept
    stderr: Kept

    @property
    def likeness(self) -> tuple[object, ...]:
        """Equal for hosts that said the same and ended the same."""
        outcome = self.outcome
        return self.stdout.digest, self.stderr.digest, outcome.status, outcome.exit_code, outcome.signalled


class Spool:
    """Keeps the output of many hosts in bounded memory. For one thread."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, Stream], tuple[Kept, hashlib.blake2b]] = {}
        self._known: dict[tuple[bytes, int], Kept] = {}
        self._in_memory = 0
        self._file: IO[bytes] | None = None

    def add(self, output: Output) -> None:
        key = (output.host, output.stream)
        kept, digest = self._open.get(key) or self._open.setdefault(key, (Kept(), hashlib.blake2b(digest_size=16)))
        digest.update(output.data)
        room = CAP - kept.size
        if room > 0:
            data = output.data[:room]
            kept.pieces.append(self._put(data))
            kept.size += len(data)
        kept.omitted += max(0, len(output.data) - room) if room > 0 else len(output.data)

    def finish(self, host: str, outcome: Outcome) -> Result:
        """What a host said in all. Equal streams of several hosts become one."""
        return Result(host, outcome, self._finished(host, "stdout"), self._finished(host, "stderr"))

    def read(self, kept: Kept) -> Iterator[bytes]:
        for piece in kept.pieces:
            if isinstance(piece, bytes):
                yield piece
            elif self._file is not None:
                offset, length = piece
                self._file.seek(offset)
                yield self._file.read(length)

    def text(self, kept: Kept) -> bytes:
        return b"".join(self.read(kept))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _finished(self, host: str, stream: Stream) -> Kept:
        kept, digest = self._open.pop((host, stream), (None, None))
        if kept is None or digest is None:
            return _NOTHING
        kept.digest = digest.digest()
        known = self._known.setdefault((kept.digest, kept.size), kept)
        if known is not kept:
            self._in_memory -= sum(len(piece) for piece in kept.pieces if isinstance(piece, bytes))
        return known

    def _put(self, data: bytes) -> Piece:
        if self._in_memory + len(data) <= _MEMORY:
            self._in_memory += len(data)
            return data
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        offset = self._file.seek(0, 2)
        self._file.write(data)
        return offset, len(data)


_NOTHING = Kept()
