"""One event a line, written as it comes. The schema is in docs/events.schema.json."""

from __future__ import annotations

from typing import Any

import msgspec

from fleetctl.events import SCHEMA_VERSION, Event, HostFinished, Output
from fleetctl.views.characters import WholeCharacters
from fleetctl.views.facts import encode, outcome_facts, text_or_base64
from fleetctl.views.layout import Layout
from fleetctl.views.screen import Screen


class NdjsonView:
    """Called from one thread. An Output whose last character was cut keeps it for the next one."""

    def __init__(self, screen: Screen, _layout: Layout) -> None:
        self._screen = screen
        self._whole = WholeCharacters()

    def show(self, event: Event) -> None:
        match event:
            case Output():
                self._write_output(event, event.stream, self._whole.complete(event))
            case HostFinished(host=host, outcome=outcome):
                for stream, rest in self._whole.rest(host):
                    self._write_output(event, stream, rest)
                self._write(_head(event) | {"host": host, "outcome": outcome_facts(outcome)})
            case _:
                self._write(msgspec.to_builtins(event))

    def close(self) -> None:
        """Nothing is held open."""

    def _write_output(self, event: Output | HostFinished, stream: str, data: bytes) -> None:
        if data:
            head = {"type": "output", "at": event.at, "seq": event.seq, "host": event.host, "stream": stream}
            self._write(head | text_or_base64("data", data))

    def _write(self, facts: dict[str, Any]) -> None:
        self._screen.write(encode(facts) + b"\n")


def _head(event: HostFinished) -> dict[str, Any]:
    return {"type": "host_finished", "at": event.at, "seq": event.seq}


def event_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of one line, made from the event types."""
    made = msgspec.json.schema(Event)
    made["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    made["title"] = f"fleetctl event, schema {SCHEMA_VERSION}"
    output = made["$defs"]["Output"]
    text = {"type": "string", "description": "what the host sent, when it is UTF-8"}
    coded = {"type": "string", "contentEncoding": "base64", "description": "the same, when it is not"}
    output["properties"] |= {"data": text, "data_base64": coded}
    output["required"] = [name for name in output["required"] if name != "data"]
    output["oneOf"] = [{"required": ["data"]}, {"required": ["data_base64"]}]
    return made
