"""What answers on a port and is no SSH server: behaviours for `broken.server` that misuse the place of the banner."""

from __future__ import annotations

import socket


def sends_endless_lines(connection: socket.socket) -> None:
    """Lines before the banner are allowed (RFC 4253, 4.2); these never end, as fast as they are read."""
    while True:
        connection.sendall(b"please wait\r\n" * 1000)


def sends_an_endless_line(connection: socket.socket) -> None:
    """The same without any end of line."""
    while True:
        connection.sendall(b"x" * 65536)


def sends_garbage(connection: socket.socket) -> None:
    """Bytes that are no text, and then the end."""
    connection.sendall(bytes(range(256)) * 16)
    connection.close()
