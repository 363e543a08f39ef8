"""A channel as a pipe for much data: large pieces both ways, with few copies and few wake-ups.

paramiko's Channel sends one packet per call, and wakes its reader for each that arrives; at 32 KiB a packet most
of the time goes into that. Here the reader says how much it waits for, and a whole window goes out in one call.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from paramiko import Channel, SSHException
from paramiko.buffered_pipe import BufferedPipe

from fleetctl.ssh.notes import ServerNotes
from fleetctl.ssh.pieces import Piece, cut
from fleetctl.ssh.translate import Stage, translated
from fleetctl.ssh.transport import LeanTransport

_SILENCE_SECONDS = 20.0


class BulkPipe:
    """The bytes of a channel. One thread sends, one receives; they may be the same.

    Args:
        window_size: that the channel was opened with: how much the server may send before it is taken.

    Raises: EOFError when the channel has ended, our errors when the connection has, or is silent.
    """

    def __init__(self, transport: LeanTransport, channel: Channel, notes: ServerNotes, window_size: int) -> None:
        self._transport = transport
        self._channel = channel
        self._notes = notes
        self._inbox = Inbox(2 * window_size)
        self._window_size = window_size
        self._unacknowledged = 0
        channel.in_buffer = self._inbox
        transport.deliver(channel, self._inbox.put)

    def send(self, pieces: Sequence[Piece]) -> None:
        rest = pieces
        with translated(Stage.CHANNEL, self._notes):
            while rest:
                size = self._allowed(sum(map(len, rest)))
                if not size:
                    break
                now, rest = cut(rest, size)
                self._transport.send_data(self._channel, now)
        if rest:
            raise EOFError

    def receive(self, wanted: int = 1) -> list[memoryview]:
        """What has arrived, in order; waits until it is `wanted` bytes or more."""
        with translated(Stage.CHANNEL, self._notes):
            pieces, size = self._inbox.take(min(wanted, self._window_size // 2), _SILENCE_SECONDS)
            self._unacknowledged += size
            if self._unacknowledged >= self._window_size // 8 and not self._channel.eof_received:
                self._transport.grant(self._channel, self._unacknowledged)
                self._unacknowledged = 0
        if not pieces:
            raise EOFError
        return pieces

    def close(self) -> None:
        self._transport.deliver(self._channel, None)

    def _allowed(self, wanted: int) -> int:
        """Take of the server's window, when there is some. Returns: how many bytes; 0 when the channel has ended."""
        channel = self._channel
        deadline = time.monotonic() + _SILENCE_SECONDS
        with channel.lock:
            while not channel.out_window_size:
                if channel.closed or channel.eof_sent:
                    return 0
                if not channel.out_buffer_cv.wait(deadline - time.monotonic()):
                    raise TimeoutError
            if channel.closed or channel.eof_sent:
                return 0
            size = min(wanted, channel.out_window_size)
            channel.out_window_size -= size
            return int(size)


class Inbox(BufferedPipe):  # type: ignore[type-arg]  # generic in types-paramiko only
    """What has arrived and was not taken, as it came: pieces that are not joined. One thread takes.

    Args:
        most: bytes; a server that sends more does not keep to its window.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most
        self._arrived = threading.Condition()
        self._pieces: list[memoryview] = []
        self._size = 0
        self._wanted = 0
        self._ended = False

    def put(self, piece: memoryview) -> None:
        """Called by the thread that reads; raising ends the connection."""
        with self._arrived:
            self._pieces.append(piece)
            self._size += len(piece)
            if self._size > self._most:
                raise SSHException("the server sends more than its window allows")
            if 0 < self._wanted <= self._size:
                self._arrived.notify()

    def feed(self, data: bytes | str) -> None:
        self.put(memoryview(data.encode() if isinstance(data, str) else data))

    def take(self, wanted: int, seconds: float) -> tuple[list[memoryview], int]:
        """All pieces, when they are `wanted` bytes, or at the end. Raises: TimeoutError when nothing came."""
        with self._arrived:
            self._wanted = wanted
            while self._size < wanted and not self._ended:
                before = self._size
                if not self._arrived.wait(seconds) and self._size == before:
                    raise TimeoutError
            self._wanted = 0
            pieces, size = self._pieces, self._size
            self._pieces, self._size = [], 0
            return pieces, size

    def close(self) -> None:
        super().close()
        with self._arrived:
            self._ended = True
            self._arrived.notify()

    def __len__(self) -> int:
        return self._size
