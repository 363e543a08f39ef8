"""An SFTP server in memory, as a pipe: for tests of the client alone."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

from fleetctl.ssh.stream.pieces import Piece, fill
from tests.support.sftp.wire import VERSION, framed

HELLO = framed(VERSION, struct.pack(">I", 3))
MOST_REQUESTS = 200


class Scripted:
    """A server in memory: `answers` makes of each request the bytes that come back, and is asked when they are wanted.

    Args:
        cuts: sizes of the pieces that come, over and over; () is all at once.
    """

    def __init__(self, answers: Callable[[bytes], bytes], hello: bytes = HELLO, cuts: Sequence[int] = ()) -> None:
        self.requests: list[bytes] = []
        self._answers = answers
        self._hello = hello
        self._cuts = cuts
        self._sent = bytearray()
        self._coming = bytearray()
        self._turn = 0

    def send(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            room = bytearray(len(piece))
            fill([memoryview(room)], [piece])
            self._sent += room
        while len(self._sent) >= 4 and len(self._sent) >= 4 + (size := int.from_bytes(self._sent[:4])):
            packet = bytes(self._sent[4 : 4 + size])
            del self._sent[: 4 + size]
            self.requests.append(packet)
            assert len(self.requests) < MOST_REQUESTS, "does not end"
            self._coming += self._hello if packet[0] == 1 else self._answers(packet)

    def receive(self, wanted: int) -> list[memoryview]:
        pieces: list[memoryview] = []
        while sum(map(len, pieces)) < wanted:
            if not self._coming:
                raise EOFError
            pieces.append(self._piece())
        return pieces

    def _piece(self) -> memoryview:
        size = self._cuts[self._turn % len(self._cuts)] if self._cuts else len(self._coming)
        self._turn += 1
        piece = bytes(self._coming[:size])
        del self._coming[:size]
        return memoryview(piece)
