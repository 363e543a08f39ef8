"""Packets of SFTP, out of the pieces in which they come (draft-ietf-secsh-filexfer-02, section 3)."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence

from fleetctl.errors import ServerFailure, TransferError
from fleetctl.ssh.sftp_format import u32

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
            if self._size - 4 < size:
                self._needed = 4 + size
                return
            self._take(4)
            self._join(min(size, _SMALLEST_FIRST_PIECE))
            taken = self._take(size)
            yield taken if len(taken) <= _MOST_PIECES else [memoryview(b"".join(taken))]

    def _join(self, size: int) -> None:
        """Make the first piece hold so many bytes."""
        while len(self._pieces[0]) < size:
            first = self._pieces.popleft()
            self._pieces[0] = memoryview(b"".join((first, self._pieces[0])))

    def _take(self, size: int) -> list[memoryview]:
        taken = []
        self._size -= size
        while size:
            piece = self._pieces[0]
            if len(piece) > size:
                taken.append(piece[:size])
                self._pieces[0] = piece[size:]
                break
            taken.append(self._pieces.popleft())
            size -= len(piece)
        return taken


def junk(data: bytes | memoryview) -> TransferError:
    """Of a text the first line is shown: a proper packet may follow it."""
    said = bytes(data[:_JUNK_SHOWN]).decode(errors="replace").strip()
    line = re.split(r"[\r\n\0]", said, maxsplit=1)[0]
    return ServerFailure(
        f"the server does not speak SFTP; it said: {line if line.isprintable() and line else repr(said)}",
        hint="does a start-up file of the shell there print something? it must not when nobody sees it",
    )
