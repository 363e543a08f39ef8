"""A job played on hosts whose commands do what a test says: no network, no process, threads alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import msgspec

from fleetctl.cancel import Cancel
from fleetctl.engine.brake import Brake
from fleetctl.engine.task import Policy, Task
from fleetctl.engine.threads import ThreadEngine
from fleetctl.events import Event, HostFinished, Outcome, StepFinished
from fleetctl.jobs.reading.job_file import load_job
from fleetctl.jobs.sequence import Point, Sequence
from fleetctl.model import Host
from fleetctl.operations.meeting import Agree, nobody_agrees
from fleetctl.ssh.pool import Pool
from fleetctl.ssh.session import Ended, Session
from fleetctl.ssh.stream.hearing import Receive
from tests.support.pools import hosts

Behave = Callable[[str, str, Receive, Cancel], int]
"""What running a command does: the host's name, the command line, where output goes, the flag. Returns: exit code."""


def says_so(host: str, command: str, receive: Receive, cancel: Cancel) -> int:
    """`exit 3` exits so, `exit 3 on h001` there alone; anything else is said as it is."""
    words, _, where = command.partition(" on ")
    if words.startswith("exit ") and where in {"", host}:
        return int(words.removeprefix("exit "))
    receive("stdout", f"{command}\n".encode())
    return 0


class _PlayedSession:
    timings: dict[str, float] = {}

    def __init__(self, host: str, behave: Behave) -> None:
        self.alive = True
        self._host = host
        self._behave = behave

    def run(self, command: str, receive: Receive, cancel: Cancel, **_settings: Any) -> Ended:
        cancel.check()
        return Ended(self._behave(self._host, command, receive, cancel))

    def close(self) -> None:
        self.alive = False


class JobPool:
    """Stands in for Pool. `connect` is called first and may raise; `dialled` counts by host."""

    def __init__(self, behave: Behave = says_so, connect: Callable[[str], None] = lambda host: None) -> None:
        self._behave = behave
        self._connect = connect
        self.dialled: list[str] = []

    @contextmanager
    def session(self, host: Host, _cancel: Cancel) -> Iterator[Session]:
        self.dialled.append(host.name)
        self._connect(host.name)
        yield cast("Session", _PlayedSession(host.name, self._behave))


class Stage:
    """Plays one job, as often as it is called.

    Args:
        directory: where its file is written to.
        job: its text; a file without a key `name` gets one.
    """

    def __init__(self, directory: Path, job: str, **settings: Any) -> None:
        path = directory / "job.yaml"
        path.write_text(job)
        self.sequence = Sequence(load_job(path), **settings)

    def __call__(
        self,
        count: int = 3,
        pool: JobPool | None = None,
        *,
        fanout: int = 64,
        brake: Brake | None = None,
        cancel: Cancel | None = None,
        agree: Agree = nobody_agrees,
    ) -> Told:
        with Cancel() as own:
            task = Task(self.sequence, hosts(count), Policy(fanout=fanout))
            engine = ThreadEngine(cast("Pool", pool or JobPool()), agree=agree)
            return Told(list(engine.run(task, cancel or own, brake or Brake())))

    def at(self, **points: Point) -> Stage:
        """The same, where some hosts go on."""
        other = Stage.__new__(Stage)
        other.sequence = msgspec.structs.replace(self.sequence, points=points)
        return other


class Told:
    """What the events of a run tell."""

    def __init__(self, events: list[Event]) -> None:
        self.events = events
        ends = [event for event in events if isinstance(event, HostFinished)]
        self.outcomes: dict[str, Outcome] = {event.host: event.outcome for event in ends}
        assert len(ends) == len(self.outcomes), "a host has ended twice"

    def of(self, host: str) -> list[Event]:
        return [event for event in self.events if getattr(event, "host", None) == host]

    def steps(self, host: str = "h000") -> dict[str, str]:
        """How each step that ended on a host did so, in their order."""
        return {step.step: str(step.status) for step in self.finished(host)}

    def finished(self, host: str = "h000") -> list[StepFinished]:
        return [event for event in self.of(host) if isinstance(event, StepFinished)]
