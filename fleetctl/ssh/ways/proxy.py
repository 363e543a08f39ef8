"""A command that makes the connection: its stdin and stdout are the wire (ssh_config(5), ProxyCommand)."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from typing import BinaryIO

from fleetctl.children import end_group
from fleetctl.errors import NotConnected
from fleetctl.ssh.ways.wire import Wire

_END_SECONDS = 1.0
_SHOWN_STDERR = 300


def connect_by(command: str, environment: Mapping[str, str]) -> Wire:
    """A wire to what the command connects to. Its process group is ended when the wire is closed.

    Args:
        command: a line for the user's shell, as with ssh: that of $SHELL, or else sh.
        environment: the command's.

    Raises: NotConnected when it cannot be started.
    """
    ours, its = socket.socketpair()
    complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the child's owner
    shell = environment.get("SHELL") or "/bin/sh"
    try:
        # `exec`: no shell stays between us and the command, where it is a single one.
        child = subprocess.Popen(
            [shell, "-c", f"exec {command}"], stdin=its.fileno(), stdout=its.fileno(), stderr=complaints,
            env=environment, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        ours.close()
        complaints.close()
        raise NotConnected(
            f"cannot start the proxy command with {shell}: {error.strerror}",
            hint="is $SHELL right? else raise `ulimit -u` or lower --fanout",
        ) from error
    finally:
        its.close()
    return Wire(ours, ProxyCommand(child, complaints))


class ProxyCommand:
    """The running command, owned by its wire."""

    def __init__(self, child: subprocess.Popen[bytes], complaints: BinaryIO) -> None:
        self._child = child
        self._complaints = complaints
        self._told = ""
        # The reading thread and whoever gave the connection up may both come to end it.
        self._ending_lock = threading.Lock()
        self._last_said = ""

    @property
    def ended(self) -> str:
        """How it ended by itself and what it said on stderr; "" while it runs, or when it was ended by us."""
        return self._told

    @property
    def standing(self) -> str:
        """See `Way.standing`: what it had said when it was ended, where it was."""
        with self._ending_lock:
            said = self._last_said if self._complaints.closed else self._said()
        return f"the proxy command runs{said}"

    def heard_end(self) -> None:
        """See `wire.Owner`. Its output ends a moment before it does."""
        try:
            code = self._child.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._told = "the proxy command closed its output"
        else:
            self._told = f"the proxy command ended with {_how(code)}{self._said()}"

    def end(self) -> None:
        """End its process group, and wait for it."""
        with self._ending_lock:
            if self._complaints.closed:
                return
            self._last_said = self._said()
            self._complaints.close()
            end_group(self._child)

    def _said(self) -> str:
        size = self._complaints.seek(0, os.SEEK_END)
        self._complaints.seek(max(0, size - _SHOWN_STDERR))
        said = self._complaints.read().decode(errors="replace").strip()
        return f": {said}" if said else ""


def _how(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {-code}"
