"""Lets commands on a host use our ssh-agent, as long as one runs for which that was asked (ssh_config, ForwardAgent).

Whoever is root there can use it, too. So it may list keys and sign with them, and nothing else: an agent would also
add, remove and lock keys for whoever asks.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from paramiko import Channel, Transport

from fleetctl.ssh.stream.buffer import Buffer
from fleetctl.ssh.translate import FOREIGN

_MOST_AT_ONCE = 8
_MOST_BYTES = 256 * 1024
_WINDOW_SIZE = 2 * 1024 * 1024
_CONFIRM_SECONDS = 120.0
"""A key may ask its owner first (ssh-add -c, a touch)."""
_JOIN_SECONDS = 5.0
_ALLOWED = {11, 13}
"""Listing keys and signing (draft-ietf-sshm-ssh-agent)."""
_FAILURE = b"\x05"


class AgentForwarding:
    """For the commands of one connection.

    Args:
        socket_path: where our agent listens.
    """

    def __init__(self, transport: Transport, socket_path: str) -> None:
        self._transport = transport
        self._socket_path = socket_path
        self._links_lock = threading.Lock()
        self._links: set[_Link] = set()
        self._users = 0

    @contextmanager
    def offered_on(self, channel: Channel) -> Iterator[None]:
        """Ask the server to forward the agent to what is started on a channel; when the last is over, all links end."""
        with self._links_lock:
            self._users += 1
        try:
            channel.request_forward_agent(self._opened)
            self._admit()
            yield
        finally:
            with self._links_lock:
                self._users -= 1
            self._admit()
            self._end_unused()

    def _admit(self) -> None:
        """Whether the server may open (further) links is all in whether there is a handler for them."""
        with self._links_lock:
            willing = self._users and len(self._links) < _MOST_AT_ONCE
            self._transport._forward_agent_handler = self._opened if willing else None  # type: ignore[attr-defined]  # noqa: SLF001

    def _opened(self, channel: Channel) -> None:
        """Called by the thread that reads from the connection, so nothing has come yet."""
        channel.in_buffer = Buffer(_WINDOW_SIZE)
        with self._links_lock:
            wanted = self._users > 0
            if wanted:
                link = _Link(channel, self._socket_path, self._over)
                self._links.add(link)
                link.start()  # before anybody can see it, and end it
        if not wanted:  # the last command ended as the server asked
            with suppress(*FOREIGN):
                channel.close()
        self._admit()

    def _over(self, link: _Link) -> None:
        with self._links_lock:
            self._links.discard(link)
        self._admit()

    def _end_unused(self) -> None:
        with self._links_lock:
            links = () if self._users else tuple(self._links)
        for link in links:
            link.end()


class _Link:
    """One program's conversation with our agent: a request, an answer, and so on. Owns channel, socket and thread."""

    def __init__(self, channel: Channel, socket_path: str, over: Callable[[_Link], None]) -> None:
        self._channel = channel
        self._socket_path = socket_path
        self._over = over
        self._agent = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._thread = threading.Thread(target=self._relay, name="agent forwarding", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        with suppress(*FOREIGN):
            self._channel.close()
        with suppress(OSError):
            self._agent.shutdown(socket.SHUT_RDWR)
        self._thread.join(_JOIN_SECONDS)

    def _relay(self) -> None:
        try:
            with self._agent as agent:
                agent.settimeout(_CONFIRM_SECONDS)
                agent.connect(self._socket_path)
                while request := _message(self._channel.recv):
                    self._channel.sendall(_framed(self._answer(agent, request)))
        except FOREIGN:
            pass  # the program there sees the end of its conversation
        finally:
            with suppress(*FOREIGN):
                self._channel.close()
            self._over(self)

    def _answer(self, agent: socket.socket, request: bytes) -> bytes:
        if request[0] not in _ALLOWED:
            return _FAILURE
        agent.sendall(_framed(request))
        return _message(agent.recv) or _FAILURE


def _message(receive: Callable[[int], bytes]) -> bytes:
    """The next message without its length; b"" at the end, or when it is longer than any may be."""
    head = _exactly(4, receive)
    size = struct.unpack(">I", head)[0] if head else 0
    return _exactly(size, receive) if 0 < size <= _MOST_BYTES else b""


def _exactly(size: int, receive: Callable[[int], bytes]) -> bytes:
    data = b""
    while len(data) < size:
        more = receive(size - len(data))
        if not more:
            return b""
        data += more
    return data


def _framed(message: bytes) -> bytes:
    return struct.pack(">I", len(message)) + message
