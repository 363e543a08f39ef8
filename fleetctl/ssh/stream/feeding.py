"""What a remote command reads, and the thread that sends it."""

from __future__ import annotations

import threading
from typing import Protocol

from paramiko import Channel

from fleetctl.errors import FleetError, NotConnected
from fleetctl.ssh.translate import FOREIGN

_JOIN_SECONDS = 5.0
_VEOF = b"\x04"


class Stdin(Protocol):
    """What a remote command reads. Each reader starts at 0 and keeps its own place."""

    def read(self, offset: int, seconds: float) -> bytes | None:
        """Some bytes from `offset` on, b"" at the end, None when none came within `seconds` or before a `wake`.

        Raises: FleetError when it breaks off before its end.
        """

    def wake(self) -> None:
        """End the waits of all readers, from any thread."""


class Feeder:
    """Sends stdin to a channel from a thread of its own, for a remote command may not read until it has written.

    When stdin breaks off the channel is closed: the command must not take it for the end.
    On a terminal the end is typed (VEOF), for there the end of a channel's data ends nothing.
    """

    def __init__(self, channel: Channel, stdin: Stdin | None, *, pty: bool) -> None:
        self._channel = channel
        self._stdin = stdin
        self._end = _VEOF if pty else b""
        self._thread: threading.Thread | None = None
        self._failure: FleetError | None = None

    def __enter__(self) -> None:
        if self._stdin is None:
            self._end_input()
        else:
            thread = threading.Thread(target=self._feed, args=(self._stdin,), name="stdin", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                raise NotConnected(f"cannot go on: {error}", hint="raise `ulimit -u` or lower --fanout") from error
            self._thread = thread

    def __exit__(self, *_: object) -> None:
        if self._stdin is not None and self._thread is not None:
            # The command is over: a closed channel wakes the thread from a full window.
            close(self._channel)
            self._stdin.wake()
            self._thread.join(_JOIN_SECONDS)
        if self._failure is not None:
            raise self._failure

    def _feed(self, stdin: Stdin) -> None:
        offset = 0
        last = b"\n"
        while not self._channel.closed:
            try:
                data = stdin.read(offset, 0.5)
            except FleetError as error:
                self._failure = error
                close(self._channel)
                return
            if data == b"":
                self._end_input(last)
                return
            if data is not None:
                sent = self._send(data)
                if not sent:
                    return
                offset += sent
                last = data[sent - 1 : sent]

    def _send(self, data: bytes) -> int:
        try:
            return self._channel.send(data)
        except FOREIGN:
            return 0  # the command does not read any more: its exit status tells the rest

    def _end_input(self, last: bytes = b"\n") -> None:
        # After an unfinished line the first VEOF only hands that line over (termios(3)).
        end_input(self._channel, self._end if last == b"\n" else 2 * self._end)


def end_input(channel: Channel, typed: bytes = b"") -> None:
    """Nothing more is sent. `typed`: what ends it on a terminal."""
    try:
        if typed:
            channel.sendall(typed)
        channel.shutdown_write()
    except FOREIGN:
        return  # the command does not read any more: its exit status tells the rest


def close(channel: Channel) -> None:
    """Close a channel, be its connection alive or not."""
    try:
        channel.close()
    except FOREIGN:
        return  # the connection has ended, as whoever reads from it is told
