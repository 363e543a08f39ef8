"""Output kept until a view needs it: a little in memory, the rest in one nameless file, equal outputs once."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO

from fleetctl.events import Outcome, Output, Stream

CAP = 8 * 1024 * 1024
"""Bytes kept per host and stream; what comes after is counted and told apart by its digest, not kept."""

_MEMORY = 16 * 1024 * 1024
_BLOCK = 16 * 1024
"""Bytes per piece, whatever size they came in, so that what is known about the pieces stays small too."""

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
    def spoke(self) -> bool:
        return bool(self.stdout.size or self.stderr.size)


@dataclass(slots=True)
class _Growing:
    kept: Kept = field(default_factory=Kept)
    block: bytearray = field(default_factory=bytearray)
    digest: hashlib.blake2b = field(default_factory=lambda: hashlib.blake2b(digest_size=16))


class Spool:
    """Keeps the output of many hosts in bounded memory. For one thread.

    Raises: OSError when the disk does not do its part: from `add` and `finish`, which write, and from `text` and
        at each step through `read`, also long after the run, when groups are shown.
    """

    def __init__(self) -> None:
        self._open: dict[tuple[str, Stream], _Growing] = {}
        self._known: dict[bytes, Kept] = {}
        self._in_memory = 0
        self._file: IO[bytes] | None = None
        self._file_end = 0
        self._free: list[int] = []

    def add(self, output: Output) -> None:
        growing = self._open.setdefault((output.host, output.stream), _Growing())
        growing.digest.update(output.data)
        kept = growing.kept
        taken = output.data[: CAP - kept.size]
        kept.size += len(taken)
        kept.omitted += len(output.data) - len(taken)
        growing.block += taken
        while len(growing.block) >= _BLOCK:
            kept.pieces.append(self._put(bytes(growing.block[:_BLOCK])))
            del growing.block[:_BLOCK]

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

    def forget(self, result: Result) -> None:
        """Give back the room of a result that nobody reads again, nor one that is equal to it."""
        for kept in (result.stdout, result.stderr):
            if self._known.pop(kept.digest, None) is not None:
                self._release(kept)

    def close(self) -> None:
        """Never raises: nothing that is kept is wanted any more."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._file = None

    def _finished(self, host: str, stream: Stream) -> Kept:
        growing = self._open.pop((host, stream), None)
        if growing is None or not growing.kept.size:
            return Kept()
        kept = growing.kept
        kept.digest = growing.digest.digest()
        known = self._known.setdefault(kept.digest, kept)
        if known is not kept:
            self._release(kept)
        elif growing.block:
            kept.pieces.append(self._put(bytes(growing.block)))
        return known

    def _release(self, kept: Kept) -> None:
        for piece in kept.pieces:
            if isinstance(piece, bytes):
                self._in_memory -= len(piece)
            else:
                self._free.append(piece[0])
        kept.pieces.clear()

    def _put(self, data: bytes) -> Piece:
        if self._in_memory + len(data) <= _MEMORY:
            self._in_memory += len(data)
            return data
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        offset = self._free.pop() if self._free else self._file_end
        self._file_end = max(self._file_end, offset + _BLOCK)
        self._file.seek(offset)
        self._file.write(data)
        return offset, len(data)
