"""A whole run as a stream of events: RunStarted, what engines tell of batch after batch, RunFinished; all numbered."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

from fleetctl.cancel import Cancel
from fleetctl.durations import spelled
from fleetctl.engine import Engine
from fleetctl.engine.endings import ending
from fleetctl.engine.ledger import settle
from fleetctl.engine.task import AnyOperation, Task
from fleetctl.errors import Cancelled, Overdue
from fleetctl.events import (
    BatchFinished,
    BatchStarted,
    ErrorFacts,
    Event,
    HostFinished,
    RunFinished,
    RunStarted,
    Status,
)
from fleetctl.jobs.sequence import Sequence as Job
from fleetctl.model import Host
from fleetctl.operations.meeting import Agree, nobody_agrees
from fleetctl.rollout.health import Health
from fleetctl.rollout.plan import Rollout
from fleetctl.shares import cut


class Means(msgspec.Struct, frozen=True):
    """What a rollout works with.

    Args:
        engine: does the task on the hosts of a batch.
        health: makes the health checks; a plan with a check needs it.
        agree: asks whether to go on.
    """

    engine: Engine
    health: Health | None = None
    agree: Agree = nobody_agrees


def new_run_id() -> str:
    """Begins with the time, so that runs are in order where they are sorted by it."""
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"


def roll_out(task: Task, means: Means, cancel: Cancel, run: str, plan: Rollout | None = None) -> Iterator[Event]:
    """All events of a run, numbered in the order in which they are to be kept.

    Raises: what the engine raised, after RunFinished.
    """
    for seq, event in enumerate(_Run(task, means, cancel, plan or Rollout()).events(run)):
        yield msgspec.structs.replace(event, seq=seq)


class _Run:
    """One run under way: its batches, and what stops it."""

    def __init__(self, task: Task, means: Means, cancel: Cancel, plan: Rollout) -> None:
        self._task = task
        self._means = means
        self._cancel = cancel
        self._plan = plan
        self._brake = plan.brake(len(task.hosts))
        self._batches: list[Sequence[Host]] = list(cut(task.hosts, plan.batches))
        self._began = time.monotonic()

    def events(self, run: str) -> Iterator[Event]:
        names = tuple(host.name for host in self._task.hosts)
        counts: Counter[Status] = Counter()
        failure: BaseException | None = None
        steps, handlers = _named(self._task.operation)
        yield RunStarted(
            run=run,
            operation=str(self._task.operation),
            hosts=names,
            fanout=self._task.policy.fanout,
            started=time.time(),
            steps=steps,
            handlers=handlers,
        )
        try:
            for event in settle(names, self._happenings(), self._never_begun):
                if isinstance(event, HostFinished):
                    counts[event.outcome.status] += 1
                yield event
        except Exception as error:  # noqa: BLE001 - raised again below, when the run is closed
            failure = error
        yield RunFinished(
            counts=dict(counts),
            cancelled=self._cancel.reason,
            stopped=self._brake.reason,
            overdue=self._cancel.overdue,
            at=self._now(),
        )
        if failure is not None:
            raise failure

    def _happenings(self) -> Iterator[Event]:
        """Batch after batch, until nothing is left or something stands against it."""
        try:
            with self._deadline():
                for number, hosts in enumerate(self._batches, 1):
                    yield from self._batch(number, hosts)
                    if not self._goes_on(number):
                        return
        except Cancelled:
            return  # in a pause or a check: the accounts of the hosts are closed by `_never_begun`
        except Exception as error:
            self._brake.pull(str(error))
            raise

    def _batch(self, number: int, hosts: Sequence[Host]) -> Iterator[Event]:
        named = len(self._batches) > 1 or self._plan.check is not None
        if named:
            names = tuple(host.name for host in hosts)
            yield BatchStarted(number=number, batches=len(self._batches), hosts=names, at=self._now())
        begun_at = self._now()
        ok: set[str] = set()
        for event in self._means.engine.run(self._part(hosts), self._cancel, self._brake):
            if isinstance(event, HostFinished) and event.outcome.status is Status.OK:
                ok.add(event.host)
            yield msgspec.structs.replace(event, at=event.at + begun_at)
        if named:
            yield self._finished(number, [host for host in hosts if host.name in ok])

    def _finished(self, number: int, hosts: Sequence[Host]) -> BatchFinished:
        """The end of a batch, after its health check, which is not made where nothing follows from it."""
        check = self._plan.check
        ailing: dict[str, ErrorFacts] | None = None
        if check is not None and self._means.health is not None and not self._is_over() and (hosts or check.here):
            try:
                ailing = self._means.health.ailing(check, hosts, self._cancel)
            except Cancelled:
                ailing = None
        if ailing:
            self._brake.pull(f"the check after batch {number} failed")
        waits = number < len(self._batches) and not self._is_over()
        return BatchFinished(
            number=number,
            check="" if ailing is None else "failed" if ailing else "ok",
            unhealthy=ailing or {},
            pause=self._plan.pause if waits else 0.0,
            at=self._now(),
        )

    def _goes_on(self, number: int) -> bool:
        """Whether there is a next batch and nothing against it, after the pause. Raises: Cancelled."""
        if number == len(self._batches) or self._is_over():
            return False
        if self._plan.pause:
            self._cancel.wait(self._plan.pause)
        count = len(self._batches)
        if self._plan.ask and not self._means.agree(f"batch {number} of {count} is done. Go on?", self._cancel):
            self._brake.pull(f"nobody agreed to go on after batch {number}")
            return False
        return True

    def _is_over(self) -> bool:
        return bool(self._brake.reason) or self._cancel.is_set()

    def _part(self, hosts: Sequence[Host]) -> Task:
        return msgspec.structs.replace(self._task, hosts=tuple(hosts))

    @contextmanager
    def _deadline(self) -> Iterator[None]:
        """Raises: Cancelled when the run is called off already."""
        seconds = self._plan.deadline
        if seconds is None:
            yield
            return
        reason = f"the deadline of {spelled(seconds)} is over"
        with self._cancel.guard(seconds, lambda: self._cancel.set(reason, Overdue)):
            yield

    def _never_begun(self, host: str, begun: bool) -> HostFinished:
        return HostFinished(host=host, outcome=ending(self._cancel, self._brake, begun=begun), at=self._now())

    def _now(self) -> float:
        return time.monotonic() - self._began


def _named(operation: AnyOperation) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of a job's steps and of its handlers."""
    if not isinstance(operation, Job):
        return (), ()
    job = operation.job
    return tuple(step.name for step in job.steps), tuple(step.name for step in job.handlers)
