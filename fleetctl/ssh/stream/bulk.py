"""A channel as a pipe for much data: large pieces both ways, with few copies and few wake-ups.

paramiko's Channel sends one packet per call, and wakes its reader for each that arrives; at 32 KiB a packet most
of the time goes into that. Here the reader says how much it waits for, and a whole window goes out in one call.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from paramiko import Channel, SSHException
from paramiko.buffered_pipe import BufferedPipe

from fleetctl.ssh.notes import ServerNotes
from fleetctl.ssh.stream.allowance import Allowance
from fleetctl.ssh.stream.packets import Sink
from fleetctl.ssh.stream.pieces import Piece, cut
from fleetctl.ssh.translate import Stage, translated
from fleetctl.ssh.transport import LeanTransport

_LOOK_SECONDS = 0.5
_COMPLAINTS_KEPT = 4096
_SILENCE_SECONDS = 20.0
_MOST_PIECES = 1024


T = TypeVar("T")


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
        self._complaints = Complaints(2 * window_size)
        channel.in_buffer = self._inbox
        channel.in_stderr_buffer = self._complaints
        self._allowance = Allowance(channel)
        transport.deliver(channel, Sink(self._inbox.put, self._allowance.widen))

    def send(self, pieces: Sequence[Piece]) -> None:
        rest: Sequence[Piece] = [piece for piece in pieces if len(piece)]
        with translated(Stage.CHANNEL, self._notes):
            while rest:
                size = self._wait(partial(self._allowance.take, sum(map(len, rest))))
                if not size:
                    break
                now, rest = cut(rest, size)
                self._transport.send_data(self._channel, now)
        if rest:
            raise EOFError

    def receive(self, wanted: int = 1) -> list[memoryview]:
        """What has arrived, in order; waits until it is `wanted` bytes or more."""
        with translated(Stage.CHANNEL, self._notes):
            most = min(wanted, self._window_size // 2)
            pieces, size = self._wait(lambda: self._inbox.take(most, _LOOK_SECONDS))
            self._acknowledge(size)
        if not pieces:
            raise EOFError
        return pieces

    def complaints(self) -> str:
        """The end of what came on stderr."""
        return self._complaints.text()

    def close(self) -> None:
        self._transport.deliver(self._channel, None)

    def _wait(self, act: Callable[[], T]) -> T:
        """Try until it is not over a `TimeoutError`, a while; what comes on stderr is granted again meanwhile.

        A command that complains of each of 10,000 files would else wait for us to read it, and we for the command.
        """
        deadline = time.monotonic() + _SILENCE_SECONDS
        while True:
            try:
                return act()
            except TimeoutError:
                if self._acknowledge(0):
                    deadline = time.monotonic() + _SILENCE_SECONDS
                elif time.monotonic() >= deadline:
                    raise

    def _acknowledge(self, taken: int) -> bool:
        """Let the server send as much as was taken. Returns: whether it had said something on stderr."""
        complained = self._complaints.taken()
        self._unacknowledged += taken + complained
        if self._unacknowledged >= self._window_size // 8 and not self._channel.eof_received:
            self._transport.grant(self._channel, self._unacknowledged)
            self._unacknowledged = 0
        return bool(complained)


class Complaints(BufferedPipe):  # type: ignore[type-arg]  # generic in types-paramiko only
    """The end of what comes on stderr. The rest is let go: nobody waits for it."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most
        self._kept_lock = threading.Lock()
        self._kept = b""
        self._new = 0

    def feed(self, data: bytes | str) -> None:
        """Called by the thread that reads; raising ends the connection."""
        with self._kept_lock:
            said = data.encode() if isinstance(data, str) else data
            self._kept = (self._kept + said)[-_COMPLAINTS_KEPT:]
            self._new += len(said)
            if self._new > self._most:
                raise SSHException("the server sends more than its window allows")

    def taken(self) -> int:
        """How many bytes came since this was asked last."""
        with self._kept_lock:
            new, self._new = self._new, 0
            return new

    def text(self) -> str:
        with self._kept_lock:
            return self._kept.decode(errors="replace").strip()


class Inbox(BufferedPipe):  # type: ignore[type-arg]  # likewise
    """What has arrived and was not taken, as it came: pieces that are not joined. One thread takes.

    Args:
        most: bytes; a server that sends more does not keep to its window.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most
        self._pieces_lock = threading.Lock()
        self._arrived = threading.Condition(self._pieces_lock)
        self._pieces: list[memoryview] = []
        self._size = 0
        self._wanted = 0
        self._ended = False

    def put(self, piece: memoryview) -> None:
        """Called by the thread that reads; raising ends the connection."""
        if not piece:
            return
        with self._pieces_lock:
            if len(self._pieces) >= _MOST_PIECES:
                self._pieces = [memoryview(b"".join(self._pieces))]  # each takes some 300 bytes, however small it is
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
