"""The engine that connects to nobody and only says what it would do."""

from __future__ import annotations

from collections.abc import Iterator

from fleetctl.cancel import Cancel
from fleetctl.engine.brake import Brake
from fleetctl.engine.endings import ending
from fleetctl.engine.task import Task
from fleetctl.events import ErrorFacts, Event, HostFinished, HostStarted, Outcome, Output, Status
from fleetctl.model import Host


class DryEngine:
    """Every host is `skipped` after one line of output; see `Engine.run`."""

    def run(self, task: Task, cancel: Cancel, brake: Brake) -> Iterator[Event]:
        for host in task.hosts:
            if cancel.is_set() or brake.reason:
                yield HostFinished(host=host.name, outcome=ending(cancel, brake, begun=False))
                continue
            place = _place(host)
            yield HostStarted(host=host.name)
            yield Output(host=host.name, stream="stdout", data=f"would {task.operation} as {place}\n".encode())
            outcome = Outcome(Status.SKIPPED, error=ErrorFacts("dry-run", "dry run: nothing was done"))
            brake.note(outcome)
            yield HostFinished(host=host.name, outcome=outcome)


def _place(host: Host) -> str:
    login = f"{host.login.user}@{host.address}:{host.port}"
    return login if host.elevation is None else f"{login}, as {host.elevation.user} by {host.elevation.method}"
