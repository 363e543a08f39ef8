"""An ssh-agent that lists one key and then does not sign with it."""

from __future__ import annotations

import base64
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_JOIN_SECONDS = 10.0
_LIST = 11
_FAILURE = b"\x05"
_IDENTITIES = b"\x0c"


@contextmanager
def unwilling_agent(path: Path, public: str, *, answers: bool) -> Iterator[dict[str, str]]:
    """Serves draft-ietf-sshm-ssh-agent as far as it goes.

    Args:
        public: the key it lists, as `ssh-ed25519 AAAA…`.
        answers: whether it refuses to sign; else it says nothing.

    Yields: the variable that leads to it.
    """
    blob = base64.b64decode(public.split()[1])
    listing = _IDENTITIES + struct.pack(">II", 1, len(blob)) + blob + struct.pack(">I", 0)
    connections: list[socket.socket] = []

    def serve(connection: socket.socket) -> None:
        with suppress(OSError):
            while head := connection.recv(4):
                request = connection.recv(struct.unpack(">I", head)[0], socket.MSG_WAITALL)
                reply = listing if request[0] == _LIST else _FAILURE if answers else b""
                if reply:
                    connection.sendall(struct.pack(">I", len(reply)) + reply)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connections.append(connection)
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        acceptor = threading.Thread(target=accept, daemon=True)
        acceptor.start()
        try:
            yield {"SSH_AUTH_SOCK": str(path)}
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            acceptor.join(_JOIN_SECONDS)
            for connection in connections:
                connection.close()
