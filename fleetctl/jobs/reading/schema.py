"""The JSON schema of job files, made from the types of the language: editors complete and check with it."""

from __future__ import annotations

from typing import Any, get_args, get_origin

import msgspec

from fleetctl.jobs.language import ACTIONS, Head, Manner, Modifiers, Set
from fleetctl.jobs.reading.fields import plain, required
from fleetctl.jobs.texts import Mode, PauseText, Seconds, Shares, ShareText

_WORD = {"type": ["string", "integer", "boolean"]}
_WRITTEN: dict[type, dict[str, Any]] = {
    Seconds: {"type": ["string", "number"], "examples": [90, "90s", "5m", "500ms"]},
    PauseText: {"type": ["string", "number"], "examples": ["90s", "ask"]},
    Mode: {"type": ["string", "integer"], "examples": ["0644"]},
    Shares: {"type": ["string", "integer"], "examples": ["1,10%,50%"]},
    ShareText: {"type": ["string", "integer"], "examples": ["10%"]},
}
_STEPS = {"type": "array", "items": {"$ref": "#/$defs/step"}}


def schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of a job file."""
    head = _properties(Head) | {"policy": _mapping(Manner) | _said(Head, "policy")}
    made = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "fleetctl job",
        "type": "object",
        "properties": head
        | {
            "steps": {"description": "What each host does, in this order.", "minItems": 1} | _STEPS,
            "handlers": {"description": "Steps that run at the end, when a step that notifies them changed something."}
            | _STEPS,
        },
        "required": ["steps"],
        "additionalProperties": False,
        "$defs": {"step": _step()},
    }
    # Tuples become lists, as JSON has them.
    decoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(made))
    return decoded


def _step() -> dict[str, Any]:
    one_action = [{"required": [key]} for key in ACTIONS]
    barrier = {"required": ["barrier"], "properties": {"barrier": {"const": True}}, "not": {"anyOf": one_action}}
    loop = _said(Modifiers, "loop") | {"type": ["array", "string"]}
    return {
        "type": "object",
        "properties": {key: _action(kind) for key, kind in ACTIONS.items()} | _properties(Modifiers) | {"loop": loop},
        "oneOf": [*one_action, barrier],
        "additionalProperties": False,
    }


def _action(kind: Any) -> dict[str, Any]:
    described = {"description": " ".join((kind.__doc__ or "").split())}
    if kind is Set:
        return described | {"type": "object"}
    forms = [_mapping(kind)]
    if kind.short:
        short = _properties(kind)[kind.short]
        short.pop("description", None)
        forms.insert(0, short)
    if not required(kind):
        forms.append({"type": "null"})
    return described | {"anyOf": forms}


def _mapping(kind: type[msgspec.Struct]) -> dict[str, Any]:
    needed = required(kind)
    return {
        "type": "object",
        "properties": _properties(kind),
        "additionalProperties": False,
    } | ({"required": needed} if needed else {})


def _properties(kind: type[msgspec.Struct]) -> dict[str, Any]:
    fields = msgspec.structs.fields(kind)
    return {field.name: _value(field.type) | _said(kind, field.name) for field in fields if field.name != "policy"}


def _said(kind: type[msgspec.Struct], name: str) -> dict[str, Any]:
    """What the types say about a field, in words."""
    (wanted,) = (field.type for field in msgspec.structs.fields(kind) if field.name == name)
    said = [one.description for one in getattr(wanted, "__metadata__", ()) if getattr(one, "description", None)]
    return {"description": said[0]} if said else {}


def _value(wanted: Any) -> dict[str, Any]:
    """What a field may be, without the null that stands for leaving it out."""
    kind = plain(wanted)
    if get_origin(kind) is tuple:
        item = _value(get_args(kind)[0])
        return {"anyOf": [item, {"type": "array", "items": item}]}
    made = msgspec.json.schema(wanted, schema_hook=_written)
    made.pop("description", None)
    forms = [form for form in made.get("anyOf", ()) if form != {"type": "null"}]
    return made if not forms else forms[0] if len(forms) == 1 else {"anyOf": forms}


def _written(kind: type) -> dict[str, Any]:
    return _WRITTEN.get(kind, _WORD)
