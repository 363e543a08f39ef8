"""The user's ssh-agent: the keys it holds, asked for over a connection whose every wait has an end."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from paramiko import AgentKey
from paramiko.agent import AgentSSH

from fleetctl.errors import KeyUnusable
from fleetctl.ssh.translate import FOREIGN


@contextmanager
def agent_keys(seconds: float) -> Iterator[tuple[AgentKey, ...]]:
    """The agent's keys, which can sign inside the block; none where no agent runs.

    An agent connection is one conversation without a lock (paramiko/agent.py), so each login opens its own.

    Args:
        seconds: how long each answer may take. A key may ask its owner first (ssh-add -c, a touch).

    Raises: KeyUnusable when the agent does not answer, or not as an agent does.
    """
    agent = _Agent()
    try:
        try:
            agent.connect(os.environ.get("SSH_AUTH_SOCK", ""), seconds)
        except FOREIGN as error:
            reason = "it does not answer" if isinstance(error, TimeoutError) else error
            raise KeyUnusable(
                f"cannot use the ssh-agent: {reason}",
                hint="is it running? `agent: false` in the inventory leaves it out",
            ) from error
        yield agent.get_keys()
    finally:
        agent.close()


class _Agent(AgentSSH):
    """paramiko's, but for its own connection: it takes no time-out, and an agent that is stuck would keep the run."""

    def connect(self, path: str, seconds: float) -> None:
        """Leaves it without keys where nothing listens at `path`. Raises: FOREIGN."""
        if not path:
            return
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(seconds)
        try:
            connection.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            connection.close()
            return
        except OSError:
            connection.close()
            raise
        self._connect(connection)  # type: ignore[attr-defined]  # missing in types-paramiko

    def close(self) -> None:
        self._close()  # type: ignore[attr-defined]  # likewise
