"""Whether the events of a run add up: each host ends once, nothing comes after its end, the counts are right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

Told = dict[str, Any]
"""One event, as ndjson has it."""


def settled(events: Sequence[Told], hosts: Collection[str]) -> dict[str, Told]:
    """The outcome of each host, once it is clear that the events add up."""
    begins, *between, end = events
    assert (begins["type"], end["type"]) == ("run_started", "run_finished")
    assert sorted(begins["hosts"]) == sorted(hosts)
    assert [event["seq"] for event in events] == list(range(len(events)))
    outcomes: dict[str, Told] = {}
    begun: set[str] = set()
    for event in between:
        host = event["host"]
        assert host not in outcomes, f"{host} has ended, and then: {event}"
        if event["type"] == "host_started":
            assert host not in begun
            begun.add(host)
        else:
            assert host in begun, event
        if event["type"] == "host_finished":
            outcomes[host] = event["outcome"]
    assert sorted(outcomes) == sorted(hosts)
    assert end["counts"] == Counter(outcome["status"] for outcome in outcomes.values())
    return outcomes


def output(events: Sequence[Told], host: str) -> bytes:
    """What a host said on stdout."""
    said = (event for event in events if event["type"] == "output" and event["host"] == host)
    return b"".join(event["data"].encode() for event in said if event["stream"] == "stdout")
