"""A shell, or a command, at the far end of a person's terminal or of plain pipes: keys go in while output comes out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
from paramiko import Channel, SSHException

from fleetctl.cancel import Cancel
from fleetctl.errors import RequestRefused
from fleetctl.ssh.channel_requests import channel_request, is_granted
from fleetctl.ssh.session import Ended, Session
from fleetctl.ssh.stream.hearing import Receive
from fleetctl.ssh.translate import FOREIGN


class Pty(msgspec.Struct, frozen=True):
    """The terminal that the far end is to have.

    Args:
        kind: as TERM has it.
        columns, lines: 0 where they are not known.
        modes: settings of our own terminal, encoded as RFC 4254, 8 has it; b"" leaves them to the server.
    """

    kind: str
    columns: int
    lines: int
    modes: bytes = b""


class Shell:
    """What runs there. One thread types, another follows; `resize` may be called from any."""

    def __init__(self, channel: Channel, pump: Callable[[Receive], None], ended: Callable[[], Ended]) -> None:
        self._channel = channel
        self._pump = pump
        self._ended = ended

    def type(self, keys: bytes) -> bool:
        """Hand keys over; waits while they are not taken. Returns: whether anybody reads them still."""
        rest = keys
        try:
            while rest:
                sent = self._channel.send(rest)
                if not sent:
                    return False
                rest = rest[sent:]
        except FOREIGN:
            return False  # whoever follows is told why
        return True

    def end_input(self) -> None:
        """There is nothing more to read."""
        try:
            self._channel.shutdown_write()
        except FOREIGN:
            return  # likewise

    def resize(self, columns: int, lines: int) -> None:
        """Tell that the terminal is of another size now."""
        try:
            self._channel.resize_pty(columns, lines)
        except FOREIGN:
            return  # likewise

    def follow(self, receive: Receive) -> Ended:
        """Hand over all output as it comes, to the end. Raises: as `Session.run`."""
        self._pump(receive)
        return self._ended()

    def leave(self) -> None:
        """End the channel, and so wake whoever waits for keys to be taken."""
        try:
            self._channel.close()
        except FOREIGN:
            return  # likewise


@contextmanager
def open_shell(session: Session, command: str, pty: Pty | None, cancel: Cancel) -> Iterator[Shell]:
    """The login shell of the user, until the block is left.

    Args:
        command: what it runs instead of reading commands; "" for none.
        pty: the terminal that it has; None for pipes.

    Raises:
        ChannelRefused, RequestRefused: the server gives no channel, no terminal, or no shell.
        TimedOut, Cancelled, ConnectionLost: also from within the block.
    """
    without_terminal = pty is not None

    def ask(channel: Channel) -> None:
        nonlocal without_terminal
        if pty is not None:
            _request_pty(channel, pty)
            without_terminal = False
        if command:
            channel.exec_command(os.fsencode(command))
        else:
            channel.invoke_shell()

    try:
        with session.dialogue(ask, cancel) as (channel, pump, ended):
            yield Shell(channel, pump, ended)
    except RequestRefused as error:
        if not without_terminal:
            raise
        raise RequestRefused(
            "the server gives no terminal", hint="`PermitTTY` of its sshd_config may be no; --no-pty does without"
        ) from error


def _request_pty(channel: Channel, pty: Pty) -> None:
    """As paramiko's `Channel.get_pty`, which has no place for the modes (RFC 4254, 6.2)."""
    request = channel_request(channel, "pty-req")
    request.add_string(pty.kind)
    for size in (pty.columns, pty.lines, 0, 0):
        request.add_int(size)
    request.add_string(pty.modes)
    if not is_granted(channel, request):
        raise channel.get_transport().get_exception() or SSHException("Channel closed.")
