"""One lab host as an SSH server: who may log in, and what a channel then does."""

from __future__ import annotations

import asyncio
import hmac
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import asyncssh

from fleetctl.lab.acting import act_out
from fleetctl.lab.commands import Running, Surroundings, serve
from fleetctl.lab.door import Line
from fleetctl.lab.faults import Fault
from fleetctl.lab.homes import HomeFiles
from fleetctl.lab.layout import Layout
from fleetctl.lab.replies import Replies, Reply
from fleetctl.lab.seen import Seen
from fleetctl.model import Secret

_SFTP_VERSION = 3


@dataclass(slots=True)
class Site:
    """One host: what it admits, and what has been seen there. With `replies` it answers, and runs nothing."""

    name: str
    layout: Layout
    user: str
    client_key: asyncssh.SSHKey
    password: Secret | None
    fault: Fault
    seen: Seen
    replies: Replies | None = None
    commands: set[asyncio.Task[None]] = field(default_factory=set)

    def environment(self) -> dict[str, str]:
        system = f"/usr/local/bin:/usr/bin:/bin:{os.environ.get('PATH', os.defpath)}"
        return {
            "HOME": str(self.layout.home(self.name)),
            "USER": self.user,
            "LOGNAME": self.user,
            "SHELL": "/bin/sh",
            "LANG": os.environ.get("LANG", "C.UTF-8"),
            "PATH": f"{self.layout.programs(self.name)}:{system}",
            "FLEETCTL_LAB_HOST": self.name,
        }


class Reception(asyncssh.SSHServer):
    """One connection to one host: judges its logins and opens its channels."""

    def __init__(self, site: Site, line: Line) -> None:
        self._site = site
        self._line = line
        self._offered: set[bytes] = set()
        self._half_way = False
        self._sessions: set[Channel] = set()
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        if self._site.fault.admits == "key-then-password":
            self._want_password_too(conn)

    async def end(self) -> None:
        """Break the connection if it still stands, and wait until nothing of it is left."""
        if self._connection is not None:
            self._connection.abort()
            await self._connection.wait_closed()

    def public_key_auth_supported(self) -> bool:
        return self._site.fault.admits != "password-only" and not self._half_way

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """A key counts as one attempt, whether the client asks first or signs at once."""
        if key.public_data not in self._offered:
            self._offered.add(key.public_data)
            self._site.seen.attempts += 1
        right = key.public_data == self._site.client_key.public_data
        return right and self._admits(username)

    def password_auth_supported(self) -> bool:
        if self._site.fault.admits == "key-then-password":
            return self._half_way
        return self._site.password is not None

    def validate_password(self, username: str, password: str) -> bool:
        self._site.seen.attempts += 1
        known = self._site.password
        right = known is not None and hmac.compare_digest(known.reveal().encode(), password.encode())
        return right and self._admits(username)

    def kbdint_auth_supported(self) -> bool:
        return False

    def session_requested(self) -> asyncssh.SSHServerSession[bytes]:
        limit = self._site.fault.max_sessions
        open_now = sum(not session.is_closing() for session in self._sessions)
        if limit is not None and open_now >= limit:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_RESOURCE_SHORTAGE, "too many sessions")
        return Channel(self._site, self._sessions, self._reset, self._line)

    def _admits(self, username: str) -> bool:
        return username == self._site.user and self._site.fault.admits != "deny"

    def _reset(self) -> None:
        self._line.reset_when_closed()
        if self._connection is not None:
            self._connection.abort()

    def _want_password_too(self, conn: asyncssh.SSHServerConnection) -> None:
        """Answer a good signature with partial success, for which asyncssh has no setting.

        `send_userauth_failure` ends the attempt, so that the False which follows is not sent as well.
        """
        judge = conn.validate_public_key

        async def half(username: str, key_data: bytes, msg: bytes, signature: bytes) -> bool:
            good = await judge(username, key_data, msg, signature)
            if good and msg:
                self._half_way = True
                conn.send_userauth_failure(partial_success=True)
                return False
            return good

        conn.validate_public_key = half  # type: ignore[method-assign]


class Channel(asyncssh.SSHServerProcess[bytes]):
    """One session channel: a command, a shell or SFTP."""

    def __init__(self, site: Site, siblings: set[Channel], reset: Callable[[], None], line: Line) -> None:
        home = site.layout.home(site.name)
        super().__init__(
            self._begin,
            lambda channel: HomeFiles(cast("asyncssh.SSHServerChannel[bytes]", channel), home),
            sftp_version=_SFTP_VERSION,
            allow_scp=False,
        )
        self._site = site
        self._siblings = siblings
        self._reset = reset
        self._line = line
        self._running: Running | None = None
        self._reply: Reply | None = None
        self._signalled = asyncio.Event()
        siblings.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._siblings.discard(self)
        super().connection_lost(exc)

    def exec_requested(self, command: str) -> bool:
        """asyncssh sends no answer at all for None."""
        if self._site.replies is not None:
            self._reply = self._site.replies(self._site.name, command)
            return self._reply is not None and super().exec_requested(command)
        return super().exec_requested(command) if self._site.fault.answers_exec else None  # type: ignore[return-value]

    def shell_requested(self) -> bool:
        return self._site.replies is None and super().shell_requested()

    def subsystem_requested(self, subsystem: str) -> bool:
        return subsystem == "sftp"

    def signal_received(self, signal: str) -> None:
        self._signalled.set()
        if self._running is not None:
            self._running.signal(signal)

    def break_received(self, _msec: int) -> bool:
        return False

    def terminal_size_changed(self, width: int, height: int, *_pixels: int) -> None:
        if self._running is not None:
            self._running.resize(width, height)

    def _begin(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        """A task of ours, because the lab must wait for it to end, and asyncssh only cancels its own."""
        if self._reply is not None:
            task = asyncio.create_task(act_out(process, self._reply, self._signalled, self._reset))
        else:
            environment = {**self._site.environment(), "SSH_CONNECTION": self._line.ends}
            around = Surroundings(self._site.layout.home(self._site.name), environment, self._site.fault)
            task = asyncio.create_task(serve(process, around, self._reset, self._started))
        self._site.commands.add(task)
        task.add_done_callback(self._site.commands.discard)

    def _started(self, running: Running) -> None:
        self._running = running
