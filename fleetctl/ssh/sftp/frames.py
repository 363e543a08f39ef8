"""Packets of SFTP, out of the pieces in which they come (draft-ietf-secsh-filexfer-02, section 3)."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence

from fleetctl.errors import ServerFailure, TransferError
from fleetctl.ssh.sftp.format import u32

_LARGEST_REPLY = 1024 * 1024
_JUNK_SHOWN = 60
_SMALLEST_FIRST_PIECE = 64
_MOST_PIECES = 64
"""One call of the kernel takes 1024 (limits.h: IOV_MAX)."""


class Frames:
    """What has come and was not taken. Nothing is joined that is large: it goes to a file as it came."""

    def __init__(self) -> None:
        self._pieces: deque[memoryview] = deque()
        self._size = 0
        self._needed = 4

    @property
    def missing(self) -> int:
        """How many bytes are needed before there can be a packet, or its length."""
        return max(0, self._needed - self._size)

    def feed(self, pieces: Sequence[memoryview]) -> None:
        self._pieces += pieces
        self._size += sum(map(len, pieces))

    def packets(self) -> Iterator[list[memoryview]]:
        """The packets that are there, without their lengths: pieces, of which the first holds all but data.

        Raises: TransferError for what is no packet.
        """
        self._needed = 4
        while self._size >= 4:
            self._join(4)
            (size,) = u32.unpack_from(self._pieces[0])
            if not 5 <= size <= _LARGEST_REPLY:
                raise junk(b"".join(self._pieces))
            total = 4 + size
            if self._size < total:
                self._needed = total
                return
            self._join(min(total, _SMALLEST_FIRST_PIECE))
            taken = self._take(total) if total > len(self._pieces[0]) else [self._take_of_first(total)]
            taken[0] = taken[0][4:]
            yield taken if len(taken) <= _MOST_PIECES else [memoryview(b"".join(taken))]

    def _join(self, size: int) -> None:
        """Make the first piece hold so many bytes."""
        while len(self._pieces[0]) < size:
            first = self._pieces.popleft()
            self._pieces[0] = memoryview(b"".join((first, self._pieces[0])))

    def _take(self, size: int) -> list[memoryview]:
        taken = []
        left = size
        while left >= len(self._pieces[0]):
            taken.append(self._pieces.popleft())
            left -= len(taken[-1])
            if not left:
                break
        self._size -= size - left
        return [*taken, self._take_of_first(left)] if left else taken

    def _take_of_first(self, size: int) -> memoryview:
        """No more than it holds."""
        first = self._pieces[0]
        self._size -= size
        if len(first) > size:
            self._pieces[0] = first[size:]
        else:
            self._pieces.popleft()
        return first[:size]


def junk(data: bytes | memoryview) -> TransferError:
    """Of a text the first line is shown: a proper packet may follow it."""
    said = bytes(data[:_JUNK_SHOWN]).decode(errors="replace").strip()
    line = re.split(r"[\r\n\0]", said, maxsplit=1)[0]
    return ServerFailure(
        f"the server does not speak SFTP; it said: {line if line.isprintable() and line else repr(said)}",
        hint="does a start-up file of the shell there print something? it must not when nobody sees it",
    )
