"""SSH servers that are right up to a point and then do what no proper one does. paramiko can be bent to it."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Callable

import paramiko
from paramiko import Channel, Message, PKey, ServerInterface, Transport
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL, MSG_CHANNEL_DATA, OPEN_SUCCEEDED
from paramiko.kex_curve25519 import KexCurve25519

from tests.support import broken
from tests.support.secrecy import secret

PASSWORD = secret("password of the liars")
_WAIT_SECONDS = 20.0

HOST_KEY = paramiko.ECDSAKey.generate()


def sends_a_point_that_is_none(connection: socket.socket) -> None:
    """Its half of the key exchange is seven bytes, where curve25519 has 32."""
    transport = Transport(connection)
    transport._kex_info = {**transport._kex_info, "curve25519-sha256@libssh.org": _NoPoint}  # type: ignore[attr-defined]
    transport.get_security_options().kex = ("curve25519-sha256@libssh.org",)
    _serve(transport, _Server())


def takes_no_rsa(connection: socket.socket) -> None:
    """Says so in `server-sig-algs` (RFC 8308), as sshd does with a narrow PubkeyAcceptedAlgorithms."""
    _serve(Transport(connection, disabled_algorithms={"pubkeys": ["rsa-sha2-512", "rsa-sha2-256"]}), _Server())


def resets_after_login(connection: socket.socket) -> None:
    """Lets everybody in, and is gone at the first thing that is asked for."""

    class Gone(_Server):
        def check_channel_request(self, kind: str, chanid: int) -> int:
            broken.reset(connection)
            return OPEN_SUCCEEDED

        def check_global_request(self, kind: str, msg: Message) -> bool:
            broken.reset(connection)
            return False

    _serve(Transport(connection), Gone())


def ignores_the_window(connection: socket.socket) -> None:
    """Sends far more output than it was allowed to."""

    def flood(channel: Channel) -> None:
        channel.out_window_size = 1 << 40
        while channel.send(bytes(32_000)):
            pass

    _serve(Transport(connection), _Server(flood))


def exits_with_256(connection: socket.socket) -> None:
    def end(channel: Channel) -> None:
        channel.send_exit_status(256)
        channel.close()

    _serve(Transport(connection), _Server(end))


def takes_little(connection: socket.socket) -> None:
    """Has a window of 1,000 bytes, and tells what it read."""
    transport = Transport(connection)
    transport.default_window_size = 1000
    _serve(transport, _Server(_tells_its_input))


def takes_huge_packets(sizes: list[int]) -> Callable[[socket.socket], None]:
    """Says that it takes packets of 4 GiB, and tells what it read. Adds the size of each packet to `sizes`."""

    def feed(channel: Channel, message: Message) -> None:
        sizes.append(len(message.asbytes()))
        Channel._feed(channel, message)  # type: ignore[attr-defined]  # missing in types-paramiko

    class Recording(Transport):
        _channel_handler_table = {**Transport._channel_handler_table, MSG_CHANNEL_DATA: feed}  # type: ignore[attr-defined]

    def behave(connection: socket.socket) -> None:
        transport = Recording(connection)
        transport.default_max_packet_size = 0xFFFF_FFFF
        _serve(transport, _Server(_tells_its_input))

    return behave


def _tells_its_input(channel: Channel) -> None:
    read = hashlib.sha256()
    while data := channel.recv(65536):
        read.update(data)
    channel.sendall(read.hexdigest().encode())
    channel.send_exit_status(0)
    channel.close()


def _says_hi(channel: Channel) -> None:
    channel.sendall(b"hi\n")
    channel.send_exit_status(0)
    channel.close()


class Admitting(ServerInterface):
    """Takes the password and every Ed25519 key, and opens every channel."""

    def get_allowed_auths(self, username: str) -> str:
        return "publickey,password"

    def check_auth_password(self, username: str, password: str) -> int:
        return AUTH_SUCCESSFUL if password == PASSWORD else AUTH_FAILED

    def check_auth_publickey(self, username: str, key: PKey) -> int:
        return AUTH_SUCCESSFUL if key.get_name() == "ssh-ed25519" else AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED


class _Server(Admitting):
    """Does the same whatever is asked for."""

    def __init__(self, does: Callable[[Channel], None] = _says_hi) -> None:
        self._does = does
        self.threads: list[threading.Thread] = []

    def check_channel_exec_request(self, channel: Channel, command: bytes) -> bool:
        # After the reply, which paramiko sends when this returns.
        thread = threading.Timer(0.1, self._act, args=(channel,))
        self.threads.append(thread)
        thread.start()
        return True

    def _act(self, channel: Channel) -> None:
        try:
            self._does(channel)
        except (OSError, EOFError, paramiko.SSHException):
            return  # the client hung up


class _NoPoint(KexCurve25519):
    def _parse_kexecdh_init(self, m: Message) -> None:
        reply = Message()
        reply.add_byte(bytes([31]))
        reply.add_string(HOST_KEY.asbytes())
        reply.add_string(b"x" * 7)
        reply.add_string(b"signature")
        self.transport._send_message(reply)  # type: ignore[attr-defined]


def _serve(transport: Transport, server: _Server) -> None:
    """Until the client is gone."""
    transport.add_server_key(HOST_KEY)
    try:
        transport.start_server(event=threading.Event(), server=server)
        transport.join(_WAIT_SECONDS)
    finally:
        transport.close()
        for thread in server.threads:
            thread.join(_WAIT_SECONDS)
