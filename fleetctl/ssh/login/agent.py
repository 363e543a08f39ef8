"""An ssh-agent of the user: the keys it holds, asked for over a connection whose every wait has an end.

paramiko's own has no time-out, decodes every key it lists, and offers an RSA certificate under the name of another.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from paramiko import Message, SSHException

from fleetctl.errors import KeyUnusable
from fleetctl.model import Login
from fleetctl.ssh.translate import FOREIGN

_LIST, _LISTED, _SIGN, _SIGNED = 11, 12, 13, 14
_MOST_BYTES = 256 * 1024
_RSA_FLAGS = {"rsa-sha2-256": 2, "rsa-sha2-512": 4}
_CERTIFICATE = "-cert-v01@openssh.com"


class HeldKey:
    """A key of the agent's, as paramiko/auth_handler.py needs one. It can sign as long as the agent is open."""

    public_blob = None

    def __init__(self, agent: Agent, blob: bytes) -> None:
        self._agent = agent
        self._blob = blob
        self._kind = Message(blob).get_text()

    @property
    def is_certificate(self) -> bool:
        return self._kind.endswith(_CERTIFICATE)

    def get_name(self) -> str:
        return self._kind

    def asbytes(self) -> bytes:
        return self._blob

    def sign_ssh_data(self, data: bytes, algorithm: str = "") -> bytes:
        """Raises: SSHException when the agent refuses, or does not answer."""
        try:
            return self._agent.signature(self._blob, data, _RSA_FLAGS.get(algorithm.removesuffix(_CERTIFICATE), 0))
        except OSError as error:
            raise SSHException(_reason(error)) from error


def agent_socket(login: Login) -> str:
    """Where the agent of a login listens; "" where none is known."""
    return login.agent_socket or os.environ.get("SSH_AUTH_SOCK", "")


@contextmanager
def agent_keys(path: str, seconds: float) -> Iterator[tuple[HeldKey, ...]]:
    """The agent's keys, which can sign inside the block.

    An agent connection is one conversation without a lock, so each login opens its own.

    Args:
        path: the socket where it listens, or "".
        seconds: how long each answer may take. A key may ask its owner first (ssh-add -c, a touch).

    Raises: KeyUnusable when no agent is there, or it does not answer as one does.
    """
    if not path:
        raise KeyUnusable(
            "no ssh-agent is known: SSH_AUTH_SOCK is not set",
            hint="start one (`eval $(ssh-agent)`), or leave it out: `agent: false` in the inventory",
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(seconds)
        try:
            connection.connect(path)
            agent = Agent(connection)
            keys = agent.keys()
        except FOREIGN as error:
            raise KeyUnusable(
                f"cannot use the ssh-agent: {_reason(error)} ({path})",
                hint="is it running? `agent: false` in the inventory leaves it out",
            ) from error
        yield keys


class Agent:
    """One conversation with an agent (draft-ietf-sshm-ssh-agent). After a failure it is over."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._over = False

    def keys(self) -> tuple[HeldKey, ...]:
        """Raises: FOREIGN."""
        reply = self._answer(bytes([_LIST]), _LISTED, "it lists no keys")
        count = reply.get_int()
        blobs = []
        for _ in range(min(count, _MOST_BYTES)):
            blobs.append(reply.get_string())
            reply.get_string()  # its comment
            if not blobs[-1]:
                raise SSHException("its list of keys is cut off")
        return tuple(HeldKey(self, blob) for blob in blobs)

    def signature(self, blob: bytes, data: bytes, flags: int) -> bytes:
        """Raises: FOREIGN."""
        request = Message()
        request.add_byte(bytes([_SIGN]))
        request.add_string(blob)
        request.add_string(data)
        request.add_int(flags)
        return self._answer(request.asbytes(), _SIGNED, "the agent does not sign with it").get_string()

    def _answer(self, request: bytes, expected: int, otherwise: str) -> Message:
        if self._over:
            raise SSHException("the agent stopped answering")
        self._over = True  # until an answer has come whole
        self._connection.sendall(struct.pack(">I", len(request)) + request)
        size = struct.unpack(">I", self._exactly(4))[0]
        if not 0 < size <= _MOST_BYTES:
            raise SSHException("it does not speak as an agent")
        reply = self._exactly(size)
        self._over = False
        if reply[0] != expected:
            raise SSHException(otherwise)
        return Message(reply[1:])

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self._connection.recv(size - len(data))
            if not more:
                raise SSHException("it hung up")
            data += more
        return data


def _reason(error: Any) -> str:
    if isinstance(error, TimeoutError):
        return "it does not answer"
    return str(getattr(error, "strerror", None) or error).lower()
