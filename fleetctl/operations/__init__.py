"""What to do on one host. An operation knows nothing of other hosts, threads or screens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from fleetctl.cancel import Cancel
from fleetctl.events import Outcome, Stream
from fleetctl.model import Host
from fleetctl.ssh.session import Session, Stdin

Emit = Callable[[Stream, bytes], None]
"""Sends output on its way to the views; blocks while they are behind."""


@dataclass(frozen=True, slots=True)
class Context:
    """What an operation may use besides the session: the host's settings, its outlet, the flag, the run's stdin."""

    host: Host
    emit: Emit
    cancel: Cancel
    stdin: Stdin | None = None


class Operation(Protocol):
    """Called in a worker thread, once per host, with a session that is logged in.

    Returns an Outcome when the host did its part, even with exit ≠ 0; raises one of our errors when it
    could not be done. Must not print, must not touch other hosts, must let `Cancelled` through.
    """

    def perform(self, session: Session, context: Context) -> Outcome: ...

    def __str__(self) -> str:
        """The operation on one line, for people: `run df -h`."""
