"""One event a line, written as it comes. The schema is in docs/events.schema.json."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import msgspec

from fleetctl.events import SCHEMA_VERSION, Event, HostFinished, Output, StepFinished, Transferred
from fleetctl.views.characters import WholeCharacters
from fleetctl.views.facts import encode, outcome_facts, result_facts, step_facts, text_or_base64, transfer_facts
from fleetctl.views.layout import Layout
from fleetctl.views.screen import Screen


class NdjsonView:
    """Called from one thread. An Output whose last character was cut keeps it for the next one.

    `seq` numbers the lines anew: an event can be a line more than the run counted, or none.
    """

    def __init__(self, screen: Screen, _layout: Layout) -> None:
        self._screen = screen
        self._whole = WholeCharacters()
        self._numbers = count()

    def show(self, event: Event) -> None:
        for whole in self._in_whole_characters(event):
            line = _facts(msgspec.structs.replace(whole, seq=next(self._numbers)))
            self._screen.write(encode(line) + b"\n")

    def close(self) -> None:
        """Nothing is held open."""

    def _in_whole_characters(self, event: Event) -> Iterator[Event]:
        match event:
            case Output():
                data = self._whole.complete(event)
                if data:
                    yield msgspec.structs.replace(event, data=data)
            case HostFinished(host=host, at=at):
                for stream, rest in self._whole.rest(host):
                    yield Output(host=host, stream=stream, data=rest, at=at)
                yield event
            case _:
                yield event


def _facts(event: Event) -> dict[str, Any]:
    match event:
        case Output(host=host, stream=stream, data=data):
            return _head(event) | {"host": host, "stream": stream} | text_or_base64("data", data)
        case HostFinished(host=host, outcome=outcome):
            return _head(event) | {"host": host, "outcome": outcome_facts(outcome)}
        case Transferred(host=host):
            return _head(event) | {"host": host} | transfer_facts(event)
        case StepFinished(host=host):
            further = {name: getattr(event, name) for name in ("notified", "register", "set", "lost")}
            return _head(event) | {"host": host} | step_facts(event) | further | {"result": result_facts(event.result)}
        case _:
            facts: dict[str, Any] = msgspec.to_builtins(event)
            return facts


def _head(event: Output | HostFinished | StepFinished | Transferred) -> dict[str, Any]:
    return {"type": event.__struct_config__.tag, "at": event.at, "seq": event.seq}


def event_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of one line, made from the event types."""
    made: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(msgspec.json.schema(Event)))
    made["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    made["title"] = f"fleetctl event, schema {SCHEMA_VERSION}"
    for kind in made["$defs"].values():
        if "seq" in kind.get("properties", ()):
            kind["properties"]["seq"]["description"] = "the number of the line, counted from 0"
    output = made["$defs"]["Output"]
    text = {"type": "string", "description": "what the host sent, when it is UTF-8"}
    coded = {"type": "string", "contentEncoding": "base64", "description": "the same, when it is not"}
    output["properties"] |= {"data": text, "data_base64": coded}
    output["required"] = [name for name in output["required"] if name != "data"]
    output["oneOf"] = [{"required": ["data"]}, {"required": ["data_base64"]}]
    return made
