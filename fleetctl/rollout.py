"""From a task to a whole run: the engine's events between RunStarted and RunFinished, numbered."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

import msgspec

from fleetctl.cancel import Cancel
from fleetctl.engine import Engine
from fleetctl.engine.ledger import settle
from fleetctl.engine.task import Task
from fleetctl.events import (
    ErrorFacts,
    Event,
    HostFinished,
    Outcome,
    RunFinished,
    RunStarted,
    Status,
)


def roll_out(task: Task, engine: Engine, cancel: Cancel, run: str) -> Iterator[Event]:
    """All events of a run, numbered in the order in which they are to be kept.

    Raises: what the engine raised, after RunFinished.
    """
    for seq, event in enumerate(_happenings(task, engine, cancel, run)):
        yield msgspec.structs.replace(event, seq=seq)


def _happenings(task: Task, engine: Engine, cancel: Cancel, run: str) -> Iterator[Event]:
    began = time.monotonic()
    names = tuple(host.name for host in task.hosts)
    counts: Counter[Status] = Counter()
    failure: BaseException | None = None

    def never_begun(host: str, _begun: bool) -> HostFinished:
        outcome = Outcome(Status.SKIPPED, error=ErrorFacts("not-begun", "its turn never came"))
        return HostFinished(host=host, outcome=outcome, at=time.monotonic() - began)

    yield RunStarted(
        run=run, operation=str(task.operation), hosts=names, fanout=task.policy.fanout, started=time.time()
    )
    try:
        for event in settle(names, engine.run(task, cancel), never_begun):
            if isinstance(event, HostFinished):
                counts[event.outcome.status] += 1
            yield event
    except Exception as error:  # noqa: BLE001 - raised again below, when the run is closed
        failure = error
    yield RunFinished(counts=dict(counts), cancelled=cancel.reason, at=time.monotonic() - began)
    if failure is not None:
        raise failure
