"""Bytes that are to be sent, in pieces: what is in memory, and stretches of files that are read only when they go out.

A file's bytes so go from the page cache straight into the packet that is encrypted, without a copy in between.
"""

from __future__ import annotations

import os
from collections.abc import Sequence


class FileRange:
    """A stretch of an open file.

    Where the file turns out to be shorter, or cannot be read, zeros are sent, because what was announced has to
    come; `broken` says so.
    """

    __slots__ = ("_of", "broken", "descriptor", "offset", "size")

    def __init__(self, descriptor: int, offset: int, size: int, of: FileRange | None = None) -> None:
        self.descriptor = descriptor
        self.offset = offset
        self.size = size
        self.broken: OSError | EOFError | None = None
        self._of = of or self

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, part: slice) -> FileRange:
        start, stop = part.start or 0, self.size if part.stop is None else min(part.stop, self.size)
        return FileRange(self.descriptor, self.offset + start, stop - start, self._of)

    def read_into(self, rooms: Sequence[memoryview]) -> None:
        """`rooms` are one after another, and have exactly its size."""
        place = 0
        try:
            count = place = os.preadv(self.descriptor, rooms, self.offset)
            while place < self.size and count:
                count = os.preadv(self.descriptor, behind(rooms, place), self.offset + place)
                place += count
        except OSError as error:
            self._of.broken = error
        if place < self.size:
            self._of.broken = self._of.broken or EOFError()
            for room in behind(rooms, place):
                room[:] = bytes(len(room))


Piece = memoryview | FileRange

_NOTHING = memoryview(b"")


def cut(pieces: Sequence[Piece], size: int) -> tuple[Sequence[Piece], Sequence[Piece]]:
    """The first `size` bytes, and the rest."""
    room = size
    for number, piece in enumerate(pieces):
        if len(piece) >= room:
            rest = [] if len(piece) == room else [piece[room:]]
            return [*pieces[:number], piece[:room]], [*rest, *pieces[number + 1 :]]
        room -= len(piece)
    return pieces, []


def fill(rooms: Sequence[memoryview], pieces: Sequence[Piece]) -> None:
    """Put pieces one after another into rooms, which together hold as much or more."""
    free = iter(rooms)
    room = _NOTHING
    for piece in pieces:
        taken: list[memoryview] = []
        left = len(piece)
        while left:
            room = room or next(free)
            size = len(room)
            if left < size:
                taken.append(room[:left])
                room = room[left:]
                break
            taken.append(room)
            room = _NOTHING
            left -= size
        _put(piece, taken)


def _put(piece: Piece, rooms: Sequence[memoryview]) -> None:
    if isinstance(piece, FileRange):
        piece.read_into(rooms)
        return
    place = 0
    for room in rooms:
        room[:] = piece[place : place + len(room)]
        place += len(room)


def behind(rooms: Sequence[memoryview], size: int) -> list[memoryview]:
    """What is left of rooms when so many bytes are taken."""
    left = []
    for room in rooms:
        if size < len(room):
            left.append(room[size:])
        size = max(0, size - len(room))
    return left
