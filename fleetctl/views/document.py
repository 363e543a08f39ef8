"""The run as one JSON document, valid even when the run is cut short."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from fleetctl.events import (
    SCHEMA_VERSION,
    BatchFinished,
    BatchStarted,
    Event,
    HostFinished,
    Output,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStatus,
    Transferred,
)
from fleetctl.views.facts import (
    base64_pieces,
    bytes_short_of_text,
    encode,
    outcome_facts,
    step_facts,
    text_as_json,
    transfer_facts,
)
from fleetctl.views.layout import Layout
from fleetctl.views.screen import Screen
from fleetctl.views.spool import Kept, Spool

_CUT_SHORT = "cut short"


class JsonView:
    """Writes each host as it finishes, so that memory does not grow with the fleet. Called from one thread."""

    def __init__(self, screen: Screen, _layout: Layout) -> None:
        self._screen = screen
        self._spool = Spool()
        self._run: dict[str, Any] = {}
        self._counts: dict[str, int] = {}
        self._batches: list[dict[str, Any]] = []
        self._hosts = 0
        self._complete = False
        self._broken = False

    def show(self, event: Event) -> None:
        try:
            self._show(event)
        except OSError:
            self._broken = True
            raise

    def close(self) -> None:
        """Complete the document, if it was begun and can be written."""
        self._spool.close()
        if self._run and not self._complete and not self._broken:
            with suppress(OSError):  # nobody is left to hear of it
                self._end(RunFinished(counts={}, cancelled=_CUT_SHORT), seconds=None)

    def _show(self, event: Event) -> None:
        match event:
            case RunStarted(run=run, operation=operation, hosts=hosts):
                self._run = {
                    "id": run,
                    "operation": operation,
                    "started": event.started,
                    "fanout": event.fanout,
                    "steps": event.steps,
                    "handlers": event.handlers,
                    "hosts": len(hosts),
                }
                self._screen.write(b'{"schema":%d,"hosts":[' % SCHEMA_VERSION)
            case Output():
                self._spool.add(event)
            case Transferred(host=host):
                self._spool.record(host, "files", b",\n" + encode(transfer_facts(event)))
            case StepFinished(host=host, status=status):
                facts = step_facts(event) | {"changed": status is StepStatus.CHANGED}
                self._spool.record(host, "steps", b",\n" + encode(facts))
            case HostFinished():
                self._counts[event.outcome.status] = self._counts.get(event.outcome.status, 0) + 1
                self._write_host(event)
            case BatchStarted(number=number, hosts=hosts):
                self._batches.append({"number": number, "hosts": hosts, "check": "", "unhealthy": {}})
            case BatchFinished(check=check, unhealthy=unhealthy):
                self._batches[-1] |= {"check": check, "unhealthy": unhealthy}
            case RunFinished(at=at):
                self._end(event, at)

    def _write_host(self, event: HostFinished) -> None:
        result = self._spool.finish(event.host, event.outcome)
        outcome = outcome_facts(event.outcome)
        outcome["counts"] = outcome.pop("steps")  # of a job `steps` tells each one
        facts = encode({"host": event.host} | outcome)
        self._screen.write((b",\n" if self._hosts else b"\n") + facts.removesuffix(b"}"))
        for name, kept in (("stdout", result.stdout), ("stderr", result.stderr)):
            for piece in self._stream(name, kept):
                self._screen.write(piece)
        for name, kept in (("transfers", result.files), ("steps", result.steps)):
            for piece in self._records(name, kept):
                self._screen.write(piece)
        self._screen.write(b"}")
        self._hosts += 1
        self._spool.forget(result)

    def _stream(self, name: str, kept: Kept) -> Iterator[bytes]:
        """A stream as a member of its host's object; read twice, so that it never is in memory as a whole."""
        short = bytes_short_of_text(self._spool.read(kept))
        omitted = kept.omitted
        if short is None or (short and not omitted):
            yield f',"{name}_base64":"'.encode()
            yield from base64_pieces(self._spool.read(kept))
        else:
            omitted += short
            yield f',"{name}":"'.encode()
            yield from text_as_json(self._spool.read(kept))
        yield f'","{name}_omitted_bytes":{omitted}'.encode() if omitted else b'"'

    def _records(self, name: str, kept: Kept) -> Iterator[bytes]:
        """What is kept about a host, each with a comma in front, as a member of its object; if there is any."""
        opening = f',"{name}":['.encode()
        for piece in self._spool.read(kept):
            yield opening + piece.removeprefix(b",") if opening else piece
            opening = b""
        if not opening:
            yield b"]"

    def _end(self, end: RunFinished, seconds: float | None) -> None:
        self._complete = True
        how = {"seconds": seconds, "cancelled": end.cancelled, "stopped": end.stopped, "overdue": end.overdue}
        parts = (encode(self._batches), encode(self._counts), encode(self._run | how))
        self._screen.write(b'\n],"batches":%b,"counts":%b,"run":%b}\n' % parts)
