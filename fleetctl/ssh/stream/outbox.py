"""Rooms for packets of channel data that go out by one call of the kernel.

Where the bytes of each packet belong is known before there are any. So a file is read to there, by one call for all
of the packets, and encrypted from there to where they are sent from: two steps of Python a packet.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

from fleetctl.ssh.stream.pieces import Piece, fill

PACKETS = 8
BLOCK_SIZE = 16
TAG_SIZE = 16
_LENGTH_SIZE = 4
_SMALLEST_PADDING = 4
_length = struct.Struct(">I")

Packet = tuple[memoryview, memoryview, memoryview]
"""Its bytes from the length of the padding on, its length as it is sent, and where it goes when it is encrypted."""


def padding(size: int) -> int:
    """For a payload of that size (RFC 4253, 6): at least four bytes, to a whole number of blocks."""
    needed = BLOCK_SIZE - (size + 1) % BLOCK_SIZE
    return needed if needed >= _SMALLEST_PADDING else needed + BLOCK_SIZE


class Outbox:
    """For packets of one channel. Used by one thread at a time.

    Args:
        head: what a message begins with, before the size of its data.
        most: bytes of data in one packet.
        packets: how many go out at once.
    """

    def __init__(self, head: bytes, most: int, packets: int = PACKETS) -> None:
        self.head = head
        self.most = most
        payload = len(head) + _LENGTH_SIZE + most
        plain_size = 1 + payload + padding(payload)
        stride = _LENGTH_SIZE + plain_size + TAG_SIZE
        plain = memoryview(bytearray(packets * plain_size))
        self._start = 1 + len(head) + _LENGTH_SIZE
        self._sealed = memoryview(bytearray(packets * stride))
        self._stride = stride
        self._packets: list[Packet] = []
        for number in range(packets):
            sealed = self._sealed[number * stride : (number + 1) * stride]
            bare = plain[number * plain_size : (number + 1) * plain_size]
            self._packets.append((bare, sealed[:_LENGTH_SIZE], sealed[_LENGTH_SIZE:]))
        self._data = [bare[self._start : self._start + most] for bare, _, _ in self._packets]
        self._short = 0  # the room of the last packet that was not full
        for number in range(packets):
            self._begin(number, most)

    @property
    def size(self) -> int:
        """How many bytes of data it takes at once."""
        return len(self._packets) * self.most

    def sealed(self, pieces: Sequence[Piece], size: int, seal: Callable[[Sequence[Packet]], None]) -> memoryview:
        """The packets that carry `size` bytes, encrypted by `seal`; good until the next call."""
        self._begin(self._short, self.most)
        fill(self._data, pieces)
        full, rest = divmod(size, self.most)
        packets = self._packets[:full]
        end = full * self._stride
        if rest:
            self._short = full
            total = self._begin(full, rest)
            plain, length, room = self._packets[full]
            packets.append((plain[:total], length, room[: total + TAG_SIZE]))
            end += _LENGTH_SIZE + total + TAG_SIZE
        seal(packets)
        return self._sealed[:end]

    def _begin(self, number: int, size: int) -> int:
        """Write what goes round `size` bytes of data into a room. Returns: bytes of the packet, before encryption."""
        payload = len(self.head) + _LENGTH_SIZE + size
        needed = padding(payload)
        total = 1 + payload + needed
        plain, length, _ = self._packets[number]
        plain[: self._start] = b"%c%b%b" % (needed, self.head, _length.pack(size))
        plain[1 + payload : total] = bytes(needed)
        length[:] = _length.pack(total)
        return total
