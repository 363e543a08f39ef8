"""An SSH server on loopback with an SFTP of our own and a real shell, in one directory; see Behaviour for its faults.

Its commands run for real, as the user of the tests. It takes every user with PASSWORD or an Ed25519 key.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

import paramiko
import yaml
from paramiko import Channel, Message, Transport
from paramiko.common import cMSG_CHANNEL_SUCCESS

from tests.support import broken, processes
from tests.support.liars import HOST_KEY, PASSWORD, Admitting
from tests.support.sftp import loop
from tests.support.sftp.behaviour import Behaviour, ConnectionEnds
from tests.support.sftp.loop import Record
from tests.support.sftp.wire import Request

USER = "anybody"
_JOIN_SECONDS = 20.0
_READ_SIZE = 64 * 1024


@dataclass
class SftpServer:
    """A running server.

    Attributes:
        behaviour: can be replaced; what begins from then on is served with the new one.
        commands: what was run, in order.
    """

    root: Path
    behaviour: Behaviour
    record: Record = field(default_factory=Record)
    commands: list[str] = field(default_factory=list)
    port: int = 0
    path: str = os.environ.get("PATH", os.defpath)
    marker: str = field(default_factory=lambda: f"FLEETTEST_SFTP={secrets.token_hex(8)}")
    threads: list[threading.Thread] = field(default_factory=list)

    @property
    def requests(self) -> list[Request]:
        """What SFTP was asked for until now, in order."""
        return list(self.record.requests)

    @property
    def deepest(self) -> int:
        """How many requests waited at once, when the behaviour gathers them."""
        return self.record.deepest

    def asked(self, *kinds: str) -> list[Request]:
        """The requests of these kinds, in order."""
        return [request for request in self.requests if request.kind in kinds]

    def known_hosts(self, path: Path) -> Path:
        """Write the host key to `path`, and return it."""
        path.write_text(f"[127.0.0.1]:{self.port} {HOST_KEY.get_name()} {HOST_KEY.get_base64()}\n")
        return path

    def settings(self, directory: Path, **more: Any) -> dict[str, Any]:
        """What an inventory says of this host; its known_hosts is written into `directory`."""
        known = self.known_hosts(directory / f"known_hosts-{self.port}")
        own = {"address": "127.0.0.1", "port": self.port, "user": USER, "password": PASSWORD}
        return own | {"known_hosts": str(known)} | more

    def inventory(self, directory: Path, name: str = "liar", **more: Any) -> Path:
        """Write inventory.yaml with this host, or add it to the one that is there, and return its path."""
        path = directory / "inventory.yaml"
        path.touch(mode=0o600)
        content = yaml.safe_load(path.read_text()) or {}
        content.setdefault("hosts", {})[name] = self.settings(directory, **more)
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        return path


@contextmanager
def serve(root: Path, behaviour: Behaviour = Behaviour()) -> Iterator[SftpServer]:  # noqa: B008 - it is frozen
    """Serve the directory `root` until the block ends; connections and commands end with it."""
    with TemporaryDirectory(prefix="fleettest-sftp-") as programs:
        server = SftpServer(root.resolve(), behaviour)
        if behaviour.lacks:
            server.path = _all_programs_but(behaviour.lacks, Path(programs))
        try:
            with broken.server(lambda connection: _serve(connection, server)) as server.port:
                yield server
        finally:
            processes.end(processes.with_variable(server.marker))
            for thread in server.threads:
                thread.join(_JOIN_SECONDS)


def _serve(connection: socket.socket, server: SftpServer) -> None:
    """Until the client is gone."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    transport = _Transport(connection)
    transport.add_server_key(HOST_KEY)
    try:
        transport.start_server(event=threading.Event(), server=_Interface(server, transport))
        transport.join()
    finally:
        transport.close()


class _Transport(Transport):
    """Begins what a channel asked for after the reply to that: what comes before it may end the channel too early."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection)
        self.waiting: list[Callable[[], None]] = []

    def _send_user_message(self, data: Message) -> None:
        super()._send_user_message(data)  # type: ignore[misc]
        if self.waiting and data.asbytes()[:1] == cMSG_CHANNEL_SUCCESS:
            self.waiting.pop()()


class _Interface(Admitting):
    def __init__(self, server: SftpServer, transport: _Transport) -> None:
        self._server = server
        self._transport = transport

    def check_channel_subsystem_request(self, channel: Channel, name: str) -> bool:
        behaviour, record = self._server.behaviour, self._server.record
        if name != "sftp" or not behaviour.sftp:
            return False
        self._begin(channel, lambda: loop.serve(channel, self._server.root, behaviour, record))
        return True

    def check_channel_exec_request(self, channel: Channel, command: bytes) -> bool:
        if not self._server.behaviour.runs:
            return False
        self._server.commands.append(os.fsdecode(command))
        self._begin(channel, lambda: _run(channel, command, self._server))
        return True

    def _begin(self, channel: Channel, does: Callable[[], None]) -> None:
        def act() -> None:
            with suppress(OSError, EOFError, paramiko.SSHException), channel:  # the client may hang up first
                try:
                    does()
                except ConnectionEnds:
                    self._transport.close()

        self._transport.waiting.append(lambda: self._server.threads.append(_started(act)))


def _run(channel: Channel, command: bytes, server: SftpServer) -> None:
    """A command, with the shell's greeting in front of its output, until it and its output have ended."""
    name, _, value = server.marker.partition("=")
    channel.sendall(server.behaviour.greeting + server.behaviour.chatter)
    with subprocess.Popen(
        ["/bin/sh", "-c", command], cwd=server.root, start_new_session=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={"PATH": server.path, "HOME": str(server.root), "USER": USER, name: value},
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        feeder = _started(_feed, channel, process.stdin)
        errors = _started(_drain, process.stderr, channel.sendall_stderr)
        _drain(process.stdout, channel.sendall)
        errors.join()
        channel.send_exit_status(process.wait() & 0xFF)
        channel.close()
        feeder.join()


def _started(does: Callable[..., None], *arguments: object) -> threading.Thread:
    thread = threading.Thread(target=does, args=arguments, daemon=True)
    thread.start()
    return thread


def _feed(channel: Channel, stdin: IO[bytes]) -> None:
    with suppress(OSError), stdin:  # it may not read to the end
        while data := channel.recv(_READ_SIZE):
            stdin.write(data)
            stdin.flush()


def _drain(output: IO[bytes], send: Callable[[bytes], None]) -> None:
    """To its end, also when nobody takes it: a command that cannot write would never end."""
    with suppress(OSError, ValueError):  # closed by whoever ended the command
        while data := os.read(output.fileno(), _READ_SIZE):
            with suppress(OSError):
                send(data)


def _all_programs_but(names: tuple[str, ...], directory: Path) -> str:
    """A PATH that has what ours has, without these."""
    for place in os.get_exec_path():
        for program in Path(place).iterdir() if Path(place).is_dir() else ():
            here = directory / program.name
            if program.name not in names and not here.is_symlink() and shutil.which(program):
                here.symlink_to(program)
    return str(directory)
