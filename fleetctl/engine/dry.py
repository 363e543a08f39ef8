"""The engine that connects to nobody and only says what it would do."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fleetctl.cancel import Cancel
from fleetctl.engine.brake import Brake
from fleetctl.engine.endings import ending
from fleetctl.engine.task import AnyOperation, Task
from fleetctl.events import (
    ErrorFacts,
    Event,
    HostFinished,
    HostStarted,
    Outcome,
    Output,
    Status,
    StepFinished,
    StepStarted,
    StepStatus,
)
from fleetctl.jobs.sequence import Sequence as Job
from fleetctl.model import Host


class DryEngine:
    """Every host is `skipped` after the words of what would be done there; see `Engine.run`."""

    def run(self, task: Task, cancel: Cancel, brake: Brake) -> Iterator[Event]:
        told = _of_job(task.operation, task.hosts) if isinstance(task.operation, Job) else _of(task.operation)
        for host in task.hosts:
            if cancel.is_set() or brake.reason:
                yield HostFinished(host=host.name, outcome=ending(cancel, brake, begun=False))
                continue
            yield HostStarted(host=host.name)
            yield from told(host)
            outcome = Outcome(Status.SKIPPED, error=ErrorFacts("dry-run", "dry run: nothing was done"))
            brake.note(outcome)
            yield HostFinished(host=host.name, outcome=outcome)


def _of(operation: AnyOperation) -> Callable[[Host], Iterator[Event]]:
    """What tells of an operation in a line."""

    def told(host: Host) -> Iterator[Event]:
        yield Output(host=host.name, stream="stdout", data=f"would {operation} as {_place(host)}\n".encode())

    return told


def _of_job(job: Job, hosts: tuple[Host, ...]) -> Callable[[Host], Iterator[Event]]:
    """What tells of a job step by step; all of them are skipped."""
    from fleetctl.jobs.planning import Planner  # noqa: PLC0415 - jinja2 takes 40 ms, which others need not spend

    planner = Planner(job, hosts)

    def told(host: Host) -> Iterator[Event]:
        for planned in planner.steps(host):
            name, number = planned.step.name, planned.number
            yield StepStarted(host=host.name, step=name, number=number)
            if planned.lines:
                data = "".join(f"{line}\n" for line in planned.lines).encode(errors="surrogateescape")
                yield Output(host=host.name, stream="stdout", data=data)
            status = StepStatus.SKIPPED
            yield StepFinished(host=host.name, step=name, number=number, status=status, why=planned.skipped)

    return told


def _place(host: Host) -> str:
    login = f"{host.login.user}@{host.address}:{host.port}"
    return login if host.elevation is None else f"{login}, as {host.elevation.user} by {host.elevation.method}"
