"""Servers that do not do as they should: raw sockets for what no proper SSH server can be made to show."""

from __future__ import annotations

import array
import fcntl
import os
import socket
import struct
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

_JOIN_SECONDS = 10.0
_ARRIVAL_SECONDS = 10.0
_LOOK_SECONDS = 0.01
_NEVER = 1 << 62
_BANNER = b"SSH-2.0-OpenSSH_9.9\r\n"

Behave = Callable[[socket.socket], None]


@contextmanager
def server(behave: Behave) -> Iterator[int]:
    """Serves each connection with `behave` in a thread of its own. Yields: the port on 127.0.0.1."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []
    connections: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connections.append(connection)
            thread = threading.Thread(target=_serve, args=(behave, connection), daemon=True)
            threads.append(thread)
            thread.start()

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join(_JOIN_SECONDS)
        for connection in connections:
            _end(connection)
        for thread in threads:
            thread.join(_JOIN_SECONDS)


def silent(connection: socket.socket) -> None:
    """Never says a word."""
    _listen(connection)


def closes(connection: socket.socket) -> None:
    """Hangs up at once."""
    connection.close()


def resets(connection: socket.socket) -> None:
    """Hangs up at once, rudely."""
    reset(connection)


def speaks_http(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nServer: not\x1b[31mssh\r\n\r\n")
    connection.close()


def speaks_ssh_1(connection: socket.socket) -> None:
    connection.sendall(b"SSH-1.5-OpenSSH_2.3\r\n")
    _listen(connection)


def stalls_after_banner(connection: socket.socket) -> None:
    connection.sendall(_BANNER)
    _listen(connection)


def dies_in_key_exchange(connection: socket.socket) -> None:
    connection.sendall(_BANNER)
    connection.recv(64)
    connection.close()


def resets_in_key_exchange(connection: socket.socket) -> None:
    connection.sendall(_BANNER)
    connection.recv(64)
    reset(connection)


def sends_garbage_after_banner(connection: socket.socket) -> None:
    connection.sendall(_BANNER + bytes(range(256)) * 64)
    _listen(connection)


def knows_no_algorithm(connection: socket.socket) -> None:
    """A proper KEXINIT (RFC 4253, 7.1) that names nothing anybody knows."""
    names = b"made-up@example.com"
    payload = b"\x14" + os.urandom(16) + (struct.pack(">I", len(names)) + names) * 10 + b"\0" + bytes(4)
    padding = 8 - (len(payload) + 5) % 8 + 8
    connection.sendall(_BANNER + struct.pack(">IB", len(payload) + padding + 1, padding) + payload + bytes(padding))
    _listen(connection)


@contextmanager
def black_hole() -> Iterator[int]:
    """A port whose backlog is full, so that the kernel drops every further SYN. Yields: the port."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    fillers = []
    try:
        for _ in range(8):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
            fillers.append(filler)
        yield int(listener.getsockname()[1])
    finally:
        for filler in fillers:
            filler.close()
        listener.close()


def cutting_relay(target: tuple[str, int], after: int = _NEVER, *, sent: int = _NEVER) -> AbstractContextManager[int]:
    """Passes everything to `target`, and ends a connection once `after` bytes came back, or `sent` bytes went there.

    Gives: the port.
    """
    return _relay(target, after, sent, _end)


def resetting_relay(target: tuple[str, int], after: int = _NEVER, *, sent: int = _NEVER) -> AbstractContextManager[int]:
    """The same, and the end is a reset, once all that came back has arrived."""
    return _relay(target, after, sent, reset)


def reset(connection: socket.socket) -> None:
    """End it as a machine does that knows nothing of it any more; what was sent arrives before."""
    until = time.monotonic() + _ARRIVAL_SECONDS
    while _under_way(connection) and time.monotonic() < until:
        time.sleep(_LOOK_SECONDS)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    _shut(connection, socket.SHUT_RD)  # whoever reads from it would hold it open
    connection.close()


def _under_way(connection: socket.socket) -> int:
    """Bytes that were sent and have not arrived."""
    count = array.array("i", [0])
    with suppress(ValueError):  # closed meanwhile
        fcntl.ioctl(connection, termios.TIOCOUTQ, count)
    return count[0]


@contextmanager
def _relay(target: tuple[str, int], after: int, sent: int, end: Behave) -> Iterator[int]:
    fars: list[socket.socket] = []
    over = threading.Event()

    def relay(connection: socket.socket) -> None:
        def go_up() -> None:
            ended = _pass(connection, far, sent)
            _shut(far, socket.SHUT_WR if ended else socket.SHUT_RDWR)

        with socket.create_connection(target) as far:
            fars.append(far)
            up = threading.Thread(target=go_up, daemon=True)
            up.start()
            if over.is_set():
                _shut(far)
            _pass(far, connection, after)
            end(connection)
            up.join(_JOIN_SECONDS)

    with server(relay) as port:
        try:
            yield port
        finally:
            over.set()
            for far in fars:
                _shut(far)


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _pass(source: socket.socket, target: socket.socket, left: int) -> bool:
    """Returns: whether the source ended before so many bytes had passed."""
    try:
        while left > 0:
            data = source.recv(min(left, 65536))
            if not data:
                return True
            target.sendall(data)
            left -= len(data)
    except OSError:
        pass  # one end is gone, and so is the test's interest in it
    return False


def _serve(behave: Behave, connection: socket.socket) -> None:
    try:
        behave(connection)
    except OSError:
        return  # the client hung up first


def _listen(connection: socket.socket) -> None:
    while connection.recv(4096):
        pass


def _end(connection: socket.socket) -> None:
    _shut(connection)
    connection.close()


def _shut(connection: socket.socket, how: int = socket.SHUT_RDWR) -> None:
    with suppress(OSError):  # closed already
        connection.shutdown(how)
