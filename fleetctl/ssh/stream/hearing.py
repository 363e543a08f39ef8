"""What a channel says, handed over as it comes, until it ends, has said enough, falls silent, or an alarm rings."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from paramiko import Channel

from fleetctl.events import Stream
from fleetctl.ssh.notes import ServerNotes
from fleetctl.ssh.translate import Stage, translated

_READ_SIZE = 256 * 1024
_IDLE_SECONDS = 3600.0

Receive = Callable[[Stream, bytes], None]
"""Takes output as it comes; may block, which in the end holds the remote command back."""


class Alarm:
    """Calls away, from any thread, the one that follows a command."""

    def __init__(self, channel: Channel) -> None:
        self.rung = False
        self.arrived = threading.Event()
        self._channel = channel

    def ring(self) -> None:
        self.rung = True
        self.arrived.set()
        self._channel.status_event.set()


def hear(
    channel: Channel,
    receive: Receive,
    enough: Callable[[], bool],
    notes: ServerNotes,
    *,
    seconds: float | None = None,
    silence: float | None = None,
    arrived: threading.Event | None = None,
) -> bool:
    """Hand over both streams, without polling, until they end or it is `enough`.

    Both buffers share one event (buffered_pipe.py). Draining one may clear what the other has set, so the
    buffers are looked at again before every wait.

    Args:
        enough: asked after each piece of output, and when `arrived` is set.
        seconds: for all of it.
        silence: seconds for which nothing may come.

    Returns: whether they ended. Raises: TimeoutError after `seconds` or `silence`.
    """
    deadline = math.inf if seconds is None else time.monotonic() + seconds
    silent = math.inf if silence is None else silence
    heard_at = time.monotonic()
    arrived = arrived or threading.Event()
    channel.in_buffer.set_event(arrived)
    channel.in_stderr_buffer.set_event(arrived)
    while True:
        # Read before draining: data that came before the end is still in the buffers.
        over = channel.eof_received or channel.closed
        while not enough() and ((out := channel.recv_ready()) or channel.recv_stderr_ready()):
            if out:
                receive("stdout", _taken(channel.recv, notes))
            if channel.recv_stderr_ready():
                receive("stderr", _taken(channel.recv_stderr, notes))
            heard_at = time.monotonic()
        if over or enough():
            return bool(over)
        left = min(deadline, heard_at + silent) - time.monotonic()
        if left <= 0:
            raise TimeoutError
        arrived.wait(min(left, _IDLE_SECONDS))


def wait_for_status(channel: Channel, seconds: float | None) -> bool:
    """Until its exit status has come, it is closed, or an alarm rings; False after `seconds`."""
    deadline = math.inf if seconds is None else time.monotonic() + seconds
    while not channel.closed:
        left = deadline - time.monotonic()
        if channel.status_event.wait(max(0.0, min(left, _IDLE_SECONDS))):
            break
        if left <= 0:
            return False
    return True


def closes(channel: Channel, receive: Receive, notes: ServerNotes, seconds: float) -> bool:
    """Whether the server closes it within that time; what is said until then is handed over.

    sshd does so when the leader of what ran there has ended, and nobody holds its streams.
    """
    deadline = time.monotonic() + seconds
    try:
        hear(channel, receive, lambda: False, notes, seconds=seconds)
    except TimeoutError:
        return bool(channel.closed)
    while not channel.closed:
        channel.status_event.clear()  # the status may have come, or an alarm rung: neither is the end
        if channel.closed or not wait_for_status(channel, deadline - time.monotonic()):
            break
    return bool(channel.closed)


def _taken(recv: Callable[[int], bytes], notes: ServerNotes) -> bytes:
    # Taking gives the server room for more, and to say so fails when the connection has just ended.
    with translated(Stage.CHANNEL, notes):
        return recv(_READ_SIZE)
