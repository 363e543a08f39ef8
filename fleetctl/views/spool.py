"""What hosts said, and records about them, until a view needs it: a little in memory, the rest in a nameless file."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, Literal

import msgspec

from fleetctl.events import Outcome, Output, Stream

CAP = 8 * 1024 * 1024
"""Bytes of output kept per host and stream; what comes after is counted and told apart by its digest, not kept."""

_MEMORY = 16 * 1024 * 1024
_BLOCK = 16 * 1024
"""Bytes per piece, whatever size they came in, so that what is known about the pieces stays small too."""

Record = Literal["files", "steps"]
Name = Stream | Record
_NAMES: tuple[Name, ...] = ("stdout", "stderr", "files", "steps")

Piece = bytes | tuple[int, int]
"""Bytes in memory, or offset and length in the file."""


class Kept(msgspec.Struct):
    """One stream of one host: its pieces, how much is missing at its end, and the digest of all of it.

    Args:
        uses: how many results have it.
    """

    pieces: list[Piece] = msgspec.field(default_factory=list)
    size: int = 0
    omitted: int = 0
    digest: bytes = b""
    uses: int = 0


class Result(msgspec.Struct, frozen=True):
    """A host that is done: its outcome, both streams, and the records about its files and its steps."""

    host: str
    outcome: Outcome
    stdout: Kept
    stderr: Kept
    files: Kept = msgspec.field(default_factory=Kept)
    steps: Kept = msgspec.field(default_factory=Kept)

    @property
    def spoke(self) -> bool:
        return bool(self.stdout.size or self.stderr.size)


class _Growing(msgspec.Struct):
    digest: hashlib.blake2b
    kept: Kept = msgspec.field(default_factory=Kept)
    block: bytearray = msgspec.field(default_factory=bytearray)


class Spool:
    """Keeps the output of many hosts in bounded memory, equal outputs once. For one thread.

    Raises: OSError when the disk does not do its part: from `add`, `record` and `finish`, which write, and from
        `text` and at each step through `read`, also long after the run, when groups are shown.
    """

    def __init__(self) -> None:
        self._open: dict[tuple[str, Name], _Growing] = {}
        self._known: dict[bytes, Kept] = {}
        self._in_memory = 0
        self._file: IO[bytes] | None = None
        self._file_end = 0
        self._free: list[int] = []

    def add(self, output: Output) -> None:
        growing = self._growing(output.host, output.stream)
        taken = output.data[: CAP - growing.kept.size]
        growing.kept.omitted += len(output.data) - len(taken)
        growing.digest.update(output.data)
        self._append(growing, taken)

    def record(self, host: str, name: Record, data: bytes) -> None:
        """Keep something about a host, beside what it said: all of it, for half a list of records is a wrong one."""
        growing = self._growing(host, name)
        growing.digest.update(data)
        self._append(growing, data)

    def finish(self, host: str, outcome: Outcome) -> Result:
        """What a host said in all. Equal streams of several hosts become one."""
        return Result(host, outcome, *(self._finished(host, name) for name in _NAMES))

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
        """Give back the room of a result that nobody reads again; what another is equal to stays."""
        for kept in (result.stdout, result.stderr, result.files, result.steps):
            kept.uses -= 1
            if kept.uses == 0 and self._known.pop(kept.digest, None) is not None:
                self._release(kept)

    def close(self) -> None:
        """Never raises: nothing that is kept is wanted any more."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._file = None

    def _growing(self, host: str, name: Name) -> _Growing:
        growing = self._open.get((host, name))
        if growing is None:
            # Never equal: the one is cut where it is long.
            kind = b"output" if name in {"stdout", "stderr"} else b"records"
            growing = self._open[host, name] = _Growing(hashlib.blake2b(digest_size=16, person=kind))
        return growing

    def _append(self, growing: _Growing, data: bytes) -> None:
        kept = growing.kept
        kept.size += len(data)
        growing.block += data
        while len(growing.block) >= _BLOCK:
            kept.pieces.append(self._put(bytes(growing.block[:_BLOCK])))
            del growing.block[:_BLOCK]

    def _finished(self, host: str, name: Name) -> Kept:
        growing = self._open.pop((host, name), None)
        if growing is None or not growing.kept.size:
            return Kept()
        kept = growing.kept
        kept.digest = growing.digest.digest()
        known = self._known.setdefault(kept.digest, kept)
        if known is not kept:
            self._release(kept)
        elif growing.block:
            kept.pieces.append(self._put(bytes(growing.block)))
        known.uses += 1
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
