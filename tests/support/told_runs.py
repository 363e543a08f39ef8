"""Runs of many hosts as history would tell them again: made by hand, with times, trouble and outputs that differ."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import msgspec

from fleetctl.events import (
    ErrorFacts,
    Event,
    HostFinished,
    HostStarted,
    Outcome,
    Output,
    RunFinished,
    RunStarted,
    Status,
)


def told(
    hosts: int,
    *,
    seed: int = 1,
    run: str = "20261126-101500-ab12",
    shout: bytes = b"",
    started: float = 1_795_000_000.0,
) -> Iterator[Event]:
    """A run of `df` on web0001, web0002 …: of each hundred a few fail, some cannot be reached, one is slow.

    Args:
        shout: what every tenth host says besides.
        started: seconds since the epoch.
    """
    events = _events(hosts, random.Random(seed), run, shout, started)
    return (msgspec.structs.replace(event, seq=number) for number, event in enumerate(events))


def _events(hosts: int, chance: random.Random, run: str, shout: bytes, started: float) -> Iterator[Event]:
    names = tuple(f"web{number:04}" for number in range(1, hosts + 1))
    yield RunStarted(run=run, operation="run df -h /", hosts=names, fanout=64, started=started)
    counts: Counter[Status] = Counter()
    end = 0.0
    for number, name in enumerate(names):
        began = number // 64 * 0.4 + chance.random() * 0.2
        outcome, said = _part(number, name, chance, shout)
        yield HostStarted(host=name, at=began)
        for stream, data in said.items():
            yield Output(host=name, stream=stream, data=data, at=began + outcome.seconds / 2)  # type: ignore[arg-type]
        yield HostFinished(host=name, outcome=outcome, at=began + outcome.seconds)
        counts[outcome.status] += 1
        end = max(end, began + outcome.seconds)
    yield RunFinished(counts=dict(counts), at=end)


def _part(number: int, name: str, chance: random.Random, shout: bytes) -> tuple[Outcome, dict[str, bytes]]:
    if number % 50 == 7:
        address = f"10.0.{number // 250}.{number % 250}:22"
        facts = ErrorFacts("connection-refused", f"connection refused by {address}", "is sshd running there?")
        return Outcome(Status.UNREACHABLE, error=facts, seconds=0.02 + chance.random() * 0.3, attempts=3), {}
    timings = {"connect": 0.01 + chance.random() * 0.03, "handshake": 0.03, "login": 0.05 + chance.random() * 0.1}
    work = 2.5 if number % 100 == 13 else chance.lognormvariate(-2, 0.5)
    seconds = sum(timings.values()) + work
    said = {"stdout": b"Filesystem  Size  Used Avail Use% Mounted on\n/dev/sda1    40G   12G   26G  32% /\n"}
    if number % 10 == 3:
        said["stdout"] = said["stdout"].replace(b"32%", b"94%") + shout
    if number % 25 == 4:
        said = {"stdout": b"", "stderr": f"df: /: {name} is sad\n".encode()}
        return Outcome(Status.FAILED, exit_code=1, seconds=seconds, attempts=1, timings=timings), said
    return Outcome(Status.OK, exit_code=0, seconds=seconds, attempts=1, timings=timings), said
