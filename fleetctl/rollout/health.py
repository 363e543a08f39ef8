"""The health check after a batch: a command on its hosts, or one here."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from fleetctl.cancel import Cancel
from fleetctl.engine import Engine
from fleetctl.engine.brake import Brake
from fleetctl.engine.task import Policy, Task
from fleetctl.events import ErrorFacts, HostFinished, Outcome, Output, Status
from fleetctl.model import Host
from fleetctl.operations.command import Command
from fleetctl.rollout.plan import Check
from fleetctl.rollout.saying import SHOWN_BYTES, tail

HERE = "local"
"""Stands for this machine among the hosts that failed a check; see `Health.ailing`."""


class Health(msgspec.Struct, frozen=True):
    """How checks are made.

    Args:
        engine: runs the command on hosts; it gives it nothing to read.
        policy: that of the run.
        hidden: variables of ours that a check on this machine does not get, for they hold secrets.
    """

    engine: Engine
    policy: Policy
    hidden: Collection[str] = ()

    def ailing(self, check: Check, hosts: Sequence[Host], cancel: Cancel) -> dict[str, ErrorFacts]:
        """Why it failed, by host; nothing when all is well.

        Raises: Cancelled.
        """
        if check.here:
            from fleetctl.rollout.here import check_here  # noqa: PLC0415 - it takes 5 ms, which few runs need

            failure = check_here(check.command, check.seconds, self.hidden, cancel)
            return {} if failure is None else {HERE: failure}
        task = Task(Command(check.command, timeout=check.seconds), tuple(hosts), self.policy)
        said: dict[str, bytes] = {}
        outcomes: dict[str, Outcome] = {}
        for event in self.engine.run(task, cancel, Brake()):
            if isinstance(event, Output):
                said[event.host] = (said.get(event.host, b"") + event.data)[-SHOWN_BYTES:]
            elif isinstance(event, HostFinished):
                outcomes[event.host] = event.outcome
        cancel.check()
        return {
            host.name: _why(outcomes[host.name], said.get(host.name, b""))
            for host in hosts
            if outcomes[host.name].status is not Status.OK
        }


def _why(outcome: Outcome, said: bytes) -> ErrorFacts:
    if outcome.exit_code is not None:
        return ErrorFacts("check-failed", f"exit {outcome.exit_code}{tail(said)}")
    error = outcome.error or ErrorFacts("check-failed", "killed by a signal")
    runs_on = "" if outcome.remote_ended else ", and it may still run there"
    return ErrorFacts(error.code, f"{outcome.status}: {error.message}{runs_on}{tail(said)}", error.hint)
