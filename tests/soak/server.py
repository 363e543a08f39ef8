"""A lean SSH server that is all hosts of a soak, each a user of its own, and runs nothing but plays fates.

python -m tests.soak.server SEED: tells its port, serves until its stdin ends, and tells what it has seen.
Every seventh connection is closed before its banner.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import sys
from collections import Counter

import asyncssh

from tests.soak.fates import fate

_TURNED_AWAY = 7
_BACKLOG = 512


class _Reception(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return True


class _Soaked:
    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._options = asyncssh.SSHServerConnectionOptions(
            server_factory=_Reception, server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
            process_factory=self._play, encoding=None, line_editor=False, gss_host=None, allow_scp=False,
        )  # fmt: skip
        self._connections: set[asyncio.Task[None]] = set()
        self.seen: Counter[str] = Counter()

    async def serve(self) -> None:
        loop = asyncio.get_running_loop()
        listener = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
        listener.setblocking(False)

        print(listener.getsockname()[1], flush=True)
        accepting = asyncio.create_task(self._accept(listener))
        await loop.run_in_executor(None, sys.stdin.read)
        accepting.cancel()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(accepting, *self._connections, return_exceptions=True)
        listener.close()
        print(json.dumps(self.seen), flush=True)

    async def _accept(self, listener: socket.socket) -> None:
        while True:
            connection, _ = await asyncio.get_running_loop().sock_accept(listener)
            self.seen["connections"] += 1
            if self.seen["connections"] % _TURNED_AWAY == 0:
                self.seen["turned away"] += 1
                connection.close()
                continue
            task = asyncio.create_task(self._receive(connection))
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)

    async def _receive(self, connection: socket.socket) -> None:
        served = await asyncssh.run_server(connection, options=self._options)
        try:
            await served.wait_closed()
        finally:
            served.abort()

    async def _play(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        host = process.get_extra_info("username")
        number = int((process.command or "").split()[-1])
        self.seen["commands"] += 1
        played = fate(self._seed, host, number)
        process.stdout.write(played.said)
        if played.kind == "reset":
            self.seen["resets"] += 1
            await process.stdout.drain()
            outer = process.get_extra_info("socket")
            outer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            process.get_extra_info("connection").abort()
        elif played.kind == "killed":
            process.exit_with_signal("KILL")
        else:
            process.exit(0 if played.kind == "ok" else 3)


if __name__ == "__main__":
    asyncio.run(_Soaked(int(sys.argv[1])).serve())
