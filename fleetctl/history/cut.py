"""Hosts that have no end on record: how far they came, and the end of long output, which is in its full text alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator
from contextlib import suppress
from pathlib import Path

from fleetctl.events import Event, Output, StepFinished, StepStarted, Stream
from fleetctl.history.keeping import STREAMS, TAIL, gap
from fleetctl.history.pieces import Spooled
from fleetctl.history.place import Place


class Cut:
    """Counts what is told of some hosts, and finds what comes after it.

    Args:
        hosts: those that have no end on record.

    Attributes:
        steps: those that they are in, as far as we have come.
        at, seq: of the last event of all.
    """

    def __init__(self, place: Place, run: str, hosts: Container[str]) -> None:
        self._place = place
        self._run = run
        self._hosts = hosts
        self._told: Counter[tuple[str, Stream]] = Counter()
        self.steps: dict[str, str] = {}
        self.at = 0.0
        self.seq = 0

    def note(self, event: Event | Spooled) -> None:
        match event:
            case Output(host=host, stream=stream) if host in self._hosts:
                self._told[host, stream] += len(event.data)
            case Spooled(host=host, stream=stream, size=size):
                self._told[host, stream] = size
                return
            case StepStarted(host=host, step=step):
                self.steps[host] = step
            case StepFinished(host=host):
                self.steps.pop(host, None)
        self.at, self.seq = max(self.at, event.at), max(self.seq, event.seq)

    def rest(self, host: str, at: float, seq: int) -> Iterator[Output]:
        """The end of each stream that is longer than what was told of it, after a word on what lies between."""
        for stream in STREAMS:
            path = self._place.output(self._run, host, stream)
            told = self._told[host, stream]
            size, data = _end(path, told)
            if data:
                if omitted := size - told - len(data):
                    data = gap(omitted, [path], whole=True) + data
                yield Output(host=host, stream=stream, data=data, at=at, seq=seq)


def _end(path: Path, told: int) -> tuple[int, bytes]:
    """The size of a file, and what is in it after `told` bytes, its last ones at most."""
    with suppress(OSError), path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(told, size - TAIL))
        return size, file.read(TAIL)
    return 0, b""
