"""Runs of jobs, made by hand or by hypothesis."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st

from fleetctl.events import (
    BatchStarted,
    ErrorFacts,
    Event,
    HostFinished,
    HostStarted,
    Outcome,
    RunStarted,
    Status,
    StepCounts,
    StepFinished,
    StepStarted,
    StepStatus,
)
from tests.support.showing import begun, outcomes, output_bytes, over, said

STEPS = ("fetch", "restart nginx", "check")
HANDLERS = ("reload",)
_NAMES = (*STEPS, *HANDLERS)


def started(*hosts: str, handlers: tuple[str, ...] = HANDLERS) -> RunStarted:
    job = msgspec.structs.replace(begun(*hosts), operation="job roll", steps=STEPS, handlers=handlers)
    assert isinstance(job, RunStarted)
    return job


def _name(number: int) -> str:
    return _NAMES[number - 1] if number <= len(_NAMES) else f"step {number}"


def at(host: str, number: int) -> StepStarted:
    return StepStarted(host=host, step=_name(number), number=number)


def done(host: str, number: int, status: StepStatus = StepStatus.CHANGED, **facts: Any) -> StepFinished:
    return StepFinished(host=host, step=_name(number), number=number, status=status, **facts)


def step(
    host: str, number: int, text: str = "", status: StepStatus = StepStatus.CHANGED, err: str = "", **facts: Any
) -> list[Event]:
    """A step from its beginning to its end."""
    spoken = [said(host, words, stream) for stream, words in (("stdout", text), ("stderr", err)) if words]  # type: ignore[arg-type]
    return [at(host, number), *spoken, done(host, number, status, **facts)]


def finished(
    host: str, counts: StepCounts, status: Status = Status.OK, where: str = "", seconds: float = 1.25, **facts: Any
) -> HostFinished:
    return HostFinished(host=host, outcome=Outcome(status, steps=counts, step=where, seconds=seconds, **facts))


_texts = st.text(max_size=8)
_errors = st.none() | st.builds(ErrorFacts, st.just("code"), _texts, _texts)


@st.composite
def _part(draw: st.DrawFn, host: str) -> list[Event]:
    """A host that walks through some of the steps, and may be cut off in the last."""
    events: list[Event] = [HostStarted(host=host)]
    numbers = sorted(draw(st.lists(st.integers(1, len(_NAMES)), unique=True)))
    for number in numbers:
        events.append(at(host, number))
        events += [said(host, data) for data in draw(st.lists(output_bytes, max_size=2))]
        if number == numbers[-1] and draw(st.booleans()):
            break
        status = draw(st.sampled_from(StepStatus))
        once = draw(st.sampled_from(["", host, "web01"]))
        error = draw(_errors) if status in {StepStatus.FAILED, StepStatus.IGNORED} else None
        code = draw(st.none() | st.integers(0, 2))
        events.append(done(host, number, status, why=draw(_texts), once=once, error=error, exit_code=code, seconds=0.5))
    outcome = msgspec.structs.replace(draw(outcomes), steps=draw(st.none() | st.just(StepCounts(ok=1))))
    return [*events, HostFinished(host=host, outcome=outcome)]


@st.composite
def job_runs(draw: st.DrawFn, max_hosts: int = 5) -> list[Event]:
    """A valid run of a job: hosts walk beside one another, in one batch or two; some never begin."""
    hosts = [f"web{n:02}" for n in draw(st.lists(st.integers(1, 30), max_size=max_hosts, unique=True))]
    middle = draw(st.integers(0, len(hosts)))
    batches = [batch for batch in (hosts[:middle], hosts[middle:]) if batch]
    events: list[Event] = [started(*hosts)]
    for number, batch in enumerate(batches, 1):
        if len(batches) > 1:
            events.append(BatchStarted(number=number, batches=len(batches), hosts=tuple(batch)))
        parts = [draw(_part(host)) for host in batch]
        queues = [iter(part) for part in parts]
        events += [next(queues[n]) for n in draw(st.permutations([n for n, part in enumerate(parts) for _ in part]))]
    return over(events, draw(st.sampled_from(["", "interrupted"])))
