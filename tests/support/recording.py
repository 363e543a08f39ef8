"""Runs that are recorded without any host: made-up events, and a process that is killed while it writes them down."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from fleetctl.events import Event, HostFinished, HostStarted, Outcome, Output, RunFinished, RunStarted, Status
from fleetctl.history.masking import Masks
from fleetctl.history.recorder import Recorder
from fleetctl.history.records import Origin, Retention

ROOT = Path(__file__).parents[2]
ORIGIN = Origin(command="run", argv=("run", "df"))
FOR_EVER = Retention(days=None)
"""Made-up runs are of any age."""
OK = Outcome(Status.OK, exit_code=0, seconds=0.3, attempts=1, timings={"connect": 0.1, "login": 0.05})


def numbered(events: Iterable[Event]) -> list[Event]:
    return [msgspec.structs.replace(event, seq=seq, at=seq / 10) for seq, event in enumerate(events)]


def of_hosts(run: str, hosts: Sequence[str], *pieces: bytes, started: float = 1e9) -> list[Event]:
    """A run in which every host says the same on stdout."""
    events: list[Event] = [RunStarted(run=run, operation="run df", hosts=tuple(hosts), fanout=2, started=started)]
    for host in hosts:
        events.append(HostStarted(host=host))
        events += [Output(host=host, stream="stdout", data=piece) for piece in pieces]
        events.append(HostFinished(host=host, outcome=OK))
    return numbered([*events, RunFinished(counts={Status.OK: len(hosts)})])


def record(
    path: Path,
    events: Iterable[Event],
    origin: Origin = ORIGIN,
    masks: Masks | None = None,
    retention: Retention | None = None,
) -> list[str]:
    """Returns: the warnings."""
    warnings: list[str] = []
    recorder = Recorder(path, origin, warn=warnings.append, masks=masks, retention=retention or FOR_EVER)
    for event in events:
        recorder.show(event)
    recorder.close()
    return warnings


_ENDLESS = """
import sys, itertools, time
from pathlib import Path
from fleetctl.events import HostFinished, HostStarted, Output, RunStarted
from fleetctl.history.recorder import Recorder
from tests.support.recording import FOR_EVER, OK, ORIGIN

hosts = tuple(f"h{number:05}" for number in range(2000))
recorder = Recorder(Path(sys.argv[1]), ORIGIN, warn=print, retention=FOR_EVER)
recorder.show(RunStarted(run=sys.argv[2], operation="run df", hosts=hosts, fanout=1, started=1e9))
print("begun", flush=True)
seq = itertools.count(1)
for host in hosts:
    recorder.show(HostStarted(host=host, seq=next(seq)))
    recorder.show(Output(host=host, stream="stdout", data=host.encode() * 10, seq=next(seq)))
    recorder.show(HostFinished(host=host, outcome=OK, seq=next(seq)))
    print(host, flush=True)
    time.sleep(0.001)  # as no host is quicker
sys.stdin.read()
"""


def start_endless(path: Path, run: str) -> subprocess.Popen[str]:
    """A process that records a run of 2,000 hosts, for two seconds, and tells on stdout of its begin and each end."""
    words = [sys.executable, "-c", _ENDLESS, str(path), run]
    return subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
