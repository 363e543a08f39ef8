"""A plain SSH client for hosts of a lab: what they do as another implementation than paramiko sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import asyncssh

from fleetctl.lab import Lab

Result = TypeVar("Result")


@dataclass(frozen=True)
class Ended:
    """How a command ended; `status` is None when the host reported none."""

    stdout: bytes
    stderr: bytes
    status: int | None
    signal: str | None


def connect(lab: Lab, name: str, **options: Any) -> Any:
    """Log in with the lab's key, host keys checked; `options` of asyncssh.connect win."""
    address, port = lab.host(name)
    settings = {
        "username": lab.user, "client_keys": [str(lab.client_key)], "known_hosts": str(lab.known_hosts),
        "config": None, "agent_path": None,
    }  # fmt: skip
    return asyncssh.connect(address, port, **(settings | options))


def with_password(lab: Lab, password: str | None = None) -> dict[str, Any]:
    """Options that log in with the lab's password, or with another, and no key."""
    assert lab.password is not None
    return {"client_keys": None, "password": lab.password.reveal() if password is None else password}


def talk(
    lab: Lab, name: str, part: Callable[[asyncssh.SSHClientConnection], Awaitable[Result]], **options: Any
) -> Result:
    """Connect, do `part`, hang up."""

    async def session() -> Result:
        async with connect(lab, name, **options) as connection:
            return await part(connection)

    return asyncio.run(session())


def run(lab: Lab, name: str, command: str | None, *, stdin: bytes = b"", **channel: Any) -> Ended:
    """Run a command, or a shell for None, with `stdin` and then its end; `channel` goes to create_process."""

    async def part(connection: asyncssh.SSHClientConnection) -> Ended:
        done = await connection.run(command, input=stdin, encoding=None, check=False, **channel)
        signal = done.exit_signal[0] if done.exit_signal else None
        status = None if signal else done.exit_status
        return Ended(_bytes(done.stdout), _bytes(done.stderr), status, signal)

    return talk(lab, name, part)


def _bytes(output: object) -> bytes:
    assert isinstance(output, bytes)
    return output
