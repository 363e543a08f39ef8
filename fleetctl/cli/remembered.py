"""What is said of a run that is on record: in a word, in a line, and as facts for programs."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from fleetctl.durations import elapsed
from fleetctl.events import Status
from fleetctl.history.records import RunRecord
from fleetctl.sizes import counted

_FINE = {Status.OK, Status.SKIPPED}


def when(run: RunRecord) -> str:
    """When it began, in the time of this machine: `2026-11-26 10:15:00 UTC`."""
    return datetime.fromtimestamp(run.started).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def typed(run: RunRecord) -> str:
    """The command line, as it can be typed."""
    return shlex.join(("fleetctl", *run.origin.argv))


def state(run: RunRecord) -> str:
    """`running`, `died`, `cancelled`, `overdue`, `stopped`, `not ok` or `ok`."""
    if run.seconds is None:
        return "running" if run.alive else "died"
    if run.cancelled:
        return "overdue" if run.overdue else "cancelled"
    if run.stopped:
        return "stopped"
    return "ok" if set(run.counts) <= _FINE else "not ok"


def trouble(run: RunRecord) -> str:
    """Hosts that are not ok: `2 failed, 1 unreachable, 4 unfinished`."""
    parts = [f"{run.counts[status]} {status}" for status in Status if status is not Status.OK and status in run.counts]
    return ", ".join(parts + [f"{run.unfinished} unfinished"] * (run.unfinished > 0))


def took(run: RunRecord) -> str:
    if run.seconds is not None:
        return elapsed(run.seconds)
    return "still running" if run.alive else "unknown: its process died"


def who(run: RunRecord) -> str:
    return " on ".join(filter(None, (run.origin.user, run.origin.machine)))


def about(run: RunRecord) -> Iterator[tuple[str, str]]:
    """Pairs of a name and what it is, without what is not known."""
    origin = run.origin
    policy = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in origin.policy.items())
    pairs = [
        ("Command", typed(run)), ("When", when(run)), ("Took", took(run)), ("By", who(run)), ("In", origin.directory),
        ("Targets", " ".join(origin.targets)), ("Policy", policy), ("Run", run.id), ("Goes on with", origin.parent),
        ("Inventory", origin.inventory[:12]),
    ]  # fmt: skip
    return ((name, words) for name, words in pairs if words)


def headline(run: RunRecord) -> str:
    """All of it in one line."""
    place = f" in {run.origin.directory}" if run.origin.directory else ""
    length = state(run) if run.seconds is None else elapsed(run.seconds)
    by = f", by {who(run)}" if who(run) else ""
    parent = f", goes on with {run.origin.parent}" if run.origin.parent else ""
    return f"{run.id}: {typed(run)} — {counted(run.hosts, 'host')}, {when(run)}, {length}{by}{place}{parent}"


def facts(run: RunRecord) -> dict[str, Any]:
    """A run as an object, with the same keys always."""
    known: dict[str, Any] = msgspec.to_builtins(run, str_keys=True)
    origin: dict[str, Any] = known.pop("origin")
    return known | origin | {"state": state(run), "unfinished": run.unfinished}
