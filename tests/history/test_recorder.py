"""A run that is recorded is told again as it was, and every host's end is on record."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from fleetctl.events import (
    BatchFinished,
    BatchStarted,
    ErrorFacts,
    Event,
    HostFinished,
    HostStarted,
    Outcome,
    Output,
    RunFinished,
    RunStarted,
    Status,
    Transferred,
)
from fleetctl.history.history import History
from fleetctl.history.recorder import Recorder
from fleetctl.history.records import Origin

OK = Outcome(Status.OK, exit_code=0, seconds=0.3, attempts=1, timings={"connect": 0.1, "login": 0.05})
BAD = Outcome(Status.FAILED, exit_code=2, error=ErrorFacts("x", "it broke", "mend it", {"path": "/etc"}))
EVENTS: list[Event] = [
    RunStarted(run="20260101-000000-abcdef", operation="run df", hosts=("a", "b", "c"), fanout=2, started=1e9),
    BatchStarted(number=1, batches=2, hosts=("a", "b")),
    HostStarted(host="a", at=0.1),
    HostStarted(host="b", at=0.2),
    Output(host="a", stream="stdout", data=b"one\n", at=0.3),
    Output(host="b", stream="stderr", data=b"oh\xff\n", at=0.35),
    Transferred(host="b", path="/etc/x", action="sent", size=3, at=0.36),
    HostFinished(host="b", outcome=BAD, at=0.4),
    HostFinished(host="a", outcome=OK, at=0.5),
    BatchFinished(number=1, check="ok", at=0.5),
    HostFinished(host="c", outcome=Outcome(Status.SKIPPED), at=0.6),
    RunFinished(counts={Status.FAILED: 1, Status.OK: 1, Status.SKIPPED: 1}, stopped="too many", at=0.7),
]
EVENTS = [msgspec.structs.replace(event, seq=seq) for seq, event in enumerate(EVENTS)]
ORIGIN = Origin(command="run", argv=("run", "df"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "history.db"


def record(path: Path, events: list[Event], origin: Origin = ORIGIN) -> None:
    warnings: list[str] = []
    recorder = Recorder(path, origin, warn=warnings.append)
    for event in events:
        recorder.show(event)
    recorder.close()
    assert warnings == []


def test_a_run_is_told_again_as_it_was(path: Path) -> None:
    record(path, EVENTS)
    with History(path) as history:
        run = history.run("last")
        assert (run.id, run.hosts, run.seconds, run.stopped, run.alive) == (EVENTS[0].run, 3, 0.7, "too many", False)  # type: ignore[union-attr]
        assert run.origin == ORIGIN
        assert list(history.events(run.id)) == EVENTS
        assert history.outcomes(run.id) == {"a": OK, "b": BAD, "c": Outcome(Status.SKIPPED)}
        assert history.begun(run.id) == {"a", "b"}
