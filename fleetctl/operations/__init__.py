"""What to do on one host. An operation knows nothing of other hosts, threads or screens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from fleetctl.cancel import Cancel
from fleetctl.events import Outcome, Progress, StepFinished, StepStarted, Stream, Transferred
from fleetctl.model import Host
from fleetctl.operations.meeting import Meeting
from fleetctl.ssh.any_session import AnySession
from fleetctl.ssh.stream.feeding import Stdin
from fleetctl.transfer.shared import Shared

Emit = Callable[[Stream, bytes], None]
"""Sends output on its way to the views; blocks while they are behind."""


Report = Callable[[Sequence[Transferred | Progress | StepStarted | StepFinished]], None]
"""Sends word of files and steps likewise; the engine says when it was."""


class Context(msgspec.Struct, frozen=True):
    """What an operation may use besides the session.

    Args:
        stdin: what remote commands read.
        shared: what all hosts of the run have in common where files are moved.
        meeting: where the hosts of the batch wait for each other in a job.
    """

    host: Host
    emit: Emit
    report: Report
    cancel: Cancel
    shared: Shared
    stdin: Stdin | None = None
    meeting: Meeting | None = None


class Operation(Protocol):
    """Called in a worker thread, once per host, with a session that is logged in.

    Returns an Outcome when the host did its part, even with exit ≠ 0; raises one of our errors when it
    could not be done. Must not print, must not touch other hosts, must let `Cancelled` through.
    """

    def perform(self, session: AnySession, context: Context) -> Outcome: ...

    def __str__(self) -> str:
        """The operation on one line, for people: `run df -h`."""
