"""A machine that can be restarted: an sshd behind a relay that goes away and comes back, with a boot id.

Its PATH begins with programs that play their part: what restarts a system restarts it, and `sysctl` tells the boot id.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support import processes
from tests.support.sshd import Sshd

_JOIN_SECONDS = 10.0
_RESTART = "#!/bin/sh\necho $$ >> {running}\necho restart > {fifo}\nexec sleep 7390\n"
_SYSCTL = "#!/bin/sh\nexec cat {boot}\n"


class Machine:
    """Up inside the block. What asks it to restart loses its connection, and it is away for a moment.

    Args:
        directory: one that the login user may read, for its programs.
    """

    def __init__(self, sshd: Sshd, directory: Path) -> None:
        self.restarts = 0
        self._sshd = sshd
        self._programs = directory / "programs"
        self._boot = directory / "boot"
        self._fifo = directory / "restart"
        self._running = directory / "running"
        self._listener: socket.socket | None = None
        self._port = 0
        self._connections: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._restarter = threading.Thread(target=self._restart_when_told, daemon=True)

    def __enter__(self) -> Self:
        self._programs.mkdir()
        for name in ("systemctl", "shutdown", "reboot", "restart-machine"):
            self._program(name, _RESTART)
        self._program("sysctl", _SYSCTL)
        os.mkfifo(self._fifo)
        self._running.touch()
        for file in (self._fifo, self._running):
            file.chmod(0o666)
        self._come_up()
        self._restarter.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._fifo.write_text("end\n")
        self._restarter.join(_JOIN_SECONDS)
        self._go_down()
        shutil.rmtree(self._programs)

    def inventory(self, directory: Path) -> Path:
        """One host, h001, which is this machine."""
        path = {"PATH": f"{self._programs}:/usr/bin:/bin"}
        return self._sshd.inventory(directory, 1, port=self._port, env=path, host_key_policy="off")

    def _program(self, name: str, text: str) -> None:
        program = self._programs / name
        program.write_text(text.format(fifo=self._fifo, boot=self._boot, running=self._running))
        program.chmod(0o755)

    def _restart_when_told(self) -> None:
        while self._fifo.read_text().startswith("restart"):
            self.restarts += 1
            self._go_down()
            self._come_up()

    def _come_up(self) -> None:
        self._boot.write_text(f"{secrets.token_hex(8)}\n")
        self._listener = socket.create_server(("127.0.1.1", self._port))
        self._port = int(self._listener.getsockname()[1])
        self._begin(self._accept, self._listener)

    def _go_down(self) -> None:
        assert self._listener is not None
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            _shut(connection)
        for thread in self._threads:
            thread.join(_JOIN_SECONDS)
        for connection in self._connections:
            connection.close()
        self._connections.clear()
        self._threads.clear()
        processes.end(map(int, self._running.read_text().split()))
        self._running.write_text("")

    def _begin(self, do: object, *words: object) -> None:
        thread = threading.Thread(target=do, args=words, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.1.1", self._sshd.port))
            self._connections += [near, far]
            self._begin(_pass, near, far)
            self._begin(_pass, far, near)


def _pass(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    finally:
        _shut(source)
        _shut(sink)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
