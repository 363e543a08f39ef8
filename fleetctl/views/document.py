"""The run as one JSON document, valid even when the run is cut short."""

from __future__ import annotations

from typing import Any

from fleetctl.events import SCHEMA_VERSION, Event, HostFinished, Output, RunFinished, RunStarted
from fleetctl.views.facts import encode, outcome_facts, text_or_base64
from fleetctl.views.layout import Layout
from fleetctl.views.screen import Screen
from fleetctl.views.spool import Kept, Result, Spool


class JsonView:
    """Writes each host as it finishes, so that memory does not grow with the fleet. Called from one thread."""

    def __init__(self, screen: Screen, _layout: Layout) -> None:
        self._screen = screen
        self._spool = Spool()
        self._run: dict[str, Any] = {}
        self._counts: dict[str, int] = {}
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
            self._end(cancelled="cut short", seconds=None)

    def _show(self, event: Event) -> None:
        match event:
            case RunStarted(run=run, operation=operation, started=started, fanout=fanout, hosts=hosts):
                self._run = {
                    "id": run,
                    "operation": operation,
                    "started": started,
                    "fanout": fanout,
                    "hosts": len(hosts),
                }
                self._screen.write(b'{"schema":%d,"hosts":[' % SCHEMA_VERSION)
            case Output():
                self._spool.add(event)
            case HostFinished(host=host, outcome=outcome):
                self._counts[outcome.status] = self._counts.get(outcome.status, 0) + 1
                facts = self._facts(self._spool.finish(host, outcome))
                self._screen.write((b",\n" if self._hosts else b"\n") + encode(facts))
                self._hosts += 1
            case RunFinished(cancelled=cancelled, at=at):
                self._end(cancelled, at)

    def _end(self, cancelled: str, seconds: float | None) -> None:
        self._complete = True
        run = self._run | {"seconds": seconds, "cancelled": cancelled}
        self._screen.write(b'\n],"counts":%b,"run":%b}\n' % (encode(self._counts), encode(run)))

    def _facts(self, result: Result) -> dict[str, Any]:
        facts = {"host": result.host} | outcome_facts(result.outcome)
        return facts | self._stream("stdout", result.stdout) | self._stream("stderr", result.stderr)

    def _stream(self, name: str, kept: Kept) -> dict[str, Any]:
        omitted = {f"{name}_omitted_bytes": kept.omitted} if kept.omitted else {}
        return text_or_base64(name, self._spool.text(kept)) | omitted
