"""How far a run is: who is being worked on, since when, in which batch; for the footer, and for Ctrl-C to tell."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import msgspec

from fleetctl.events import BatchStarted, Event, HostFinished, HostStarted, RunStarted, Status
from fleetctl.nodes import fold
from fleetctl.sizes import counted


class Standing(msgspec.Struct):
    """Where a run stands.

    Args:
        troubled: how many of the hosts that are done have failed, in whatever way.
        running: since when, by host, in the order in which they began.
        batch, batches: the number of the batch and how many there are; 0 where there is but one.
    """

    total: int = 0
    done: int = 0
    troubled: int = 0
    running: dict[str, float] = msgspec.field(default_factory=dict)
    batch: int = 0
    batches: int = 0


class Underway:
    """Hears every event; can be asked from any thread.

    Args:
        clock: seconds; never goes back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._progress_lock = threading.Lock()
        self._progress = Standing()

    def show(self, event: Event) -> None:
        with self._progress_lock:
            self._note(event, self._progress)

    def close(self) -> None:
        """Nothing is held open."""

    @property
    def progress(self) -> Standing:
        """A copy of how it stands now."""
        with self._progress_lock:
            return msgspec.structs.replace(self._progress, running=dict(self._progress.running))

    def told(self) -> str:
        """Who still runs and for how long, in a line for people."""
        progress, now = self.progress, self._clock()
        if not progress.running:
            return f"no host is worked on just now; {progress.done} of {counted(progress.total, 'host')} are done"
        began = {host: now - since for host, since in progress.running.items()}
        longest = max(began, key=began.__getitem__)
        runs = "still runs" if len(began) == 1 else "still run"
        which = f"{fold(began)}, for {began[longest]:.0f} s"
        if len(began) > 1:
            which = f"{fold(began)}, the longest {longest} for {began[longest]:.0f} s"
        return f"{len(began)} of {counted(progress.total, 'host')} {runs}: {which}"

    def _note(self, event: Event, progress: Standing) -> None:
        match event:
            case RunStarted(hosts=hosts):
                progress.total = len(hosts)
            case BatchStarted(number=number, batches=batches) if batches > 1:
                progress.batch, progress.batches = number, batches
            case HostStarted(host=host):
                progress.running[host] = self._clock()
            case HostFinished(host=host, outcome=outcome):
                progress.running.pop(host, None)
                progress.done += 1
                progress.troubled += outcome.status not in {Status.OK, Status.SKIPPED, Status.CANCELLED}
