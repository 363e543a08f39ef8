"""Runs that move files, made by hand or by hypothesis."""

from __future__ import annotations

from typing import get_args

import msgspec
from hypothesis import strategies as st

from fleetctl.events import (
    Action,
    ErrorFacts,
    Event,
    HostFinished,
    HostStarted,
    Outcome,
    Progress,
    Status,
    Totals,
    Transferred,
)
from tests.support.showing import runs

REFUSED = ErrorFacts("access-denied", "cannot write /etc/x: permission denied", "log in as its owner")


def moved(host: str, path: str, action: Action = "sent", size: int = 0) -> Transferred:
    error = REFUSED if action == "failed" else None
    return Transferred(host=host, path=path, action=action, size=size, seconds=0.25, error=error)


def going(host: str, size: int, total: int) -> Progress:
    return Progress(host=host, bytes=size, total=total, files=0, files_total=1)


def copied(host: str, totals: Totals, status: Status = Status.OK, error: ErrorFacts | None = None) -> HostFinished:
    return HostFinished(host=host, outcome=Outcome(status, error=error, seconds=1.25, totals=totals))


names = st.binary(min_size=1, max_size=12).map(lambda name: name.decode(errors="surrogateescape"))
"""Of files: any bytes, those that are no UTF-8 as Python keeps them."""

_counts = st.integers(0, 1 << 45)
_actions: st.SearchStrategy[Action] = st.sampled_from(get_args(Action))
_errors = st.none() | st.builds(ErrorFacts, st.just("no-space"), names, names)
_totals = st.none() | st.builds(Totals, *[_counts] * len(Totals.__struct_fields__))


def fates(host: str) -> st.SearchStrategy[Transferred]:
    return st.builds(
        Transferred,
        host=st.just(host),
        path=names,
        action=_actions,
        size=_counts,
        seconds=st.floats(0, 1e6),
        dry=st.booleans(),
        error=_errors,
    )


def _steps(host: str) -> st.SearchStrategy[Progress]:
    return st.builds(Progress, host=st.just(host), bytes=_counts, total=_counts, files=_counts, files_total=_counts)


@st.composite
def moving_runs(draw: st.DrawFn) -> list[Event]:
    """A valid run in which each host that begins may also move files."""
    events: list[Event] = []
    for event in draw(runs()):
        match event:
            case HostFinished(host=host, outcome=outcome):
                outcome = msgspec.structs.replace(outcome, totals=draw(_totals))
                events.append(HostFinished(host=host, outcome=outcome))
            case HostStarted(host=host):
                events += [event, *draw(st.lists(fates(host) | _steps(host), max_size=4))]
            case _:
                events.append(event)
    return events
