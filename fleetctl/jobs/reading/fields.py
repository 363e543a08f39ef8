"""Mappings of a job file as typed fields: what is unknown, missing or of the wrong kind is told with its place."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any, Literal, get_args, get_origin

import msgspec

from fleetctl.inventory.document import Document, Place, Section, bare, told
from fleetctl.inventory.mistakes import did_you_mean, explained
from fleetctl.jobs.texts import from_yaml

_OF_OTHERS = {
    "become": "sudo", "become_user": "sudo", "block": "include", "chdir": "cwd", "command": "run", "copy": "put",
    "environment": "env", "exec": "run", "fail_when": "failed_when", "fetch": "get", "get_url": "run",
    "host": "targets", "hosts": "targets", "if": "when", "import_tasks": "include", "include_tasks": "include",
    "run_once": "once", "serial": "policy", "set_fact": "set", "shell": "run", "task": "name", "tasks": "steps",
    "upload": "put", "variables": "vars", "with_items": "loop",
}  # fmt: skip
"""What other tools call these, where that is not near enough to be guessed."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_USER = re.compile(r"[^\s-]\S*")
_NAMED = {"register": "is no name for a result"}


def section(document: Document, place: Place, value: Any) -> Section:
    """The mapping that a value is to be; an empty one when it is none, which is told."""
    if isinstance(value, Section):
        return value
    if value is not None:
        document.complain(place, f"must be a mapping, not {told(value)}")
    return Section()


def refuse_unknown(document: Document, place: Place, keys: Iterable[str], known: Iterable[str]) -> None:
    """Tell of each key that is none of those."""
    names = list(known)
    for key in keys:
        if key not in names:
            document.complain((*place, key), f"unknown key{_meant(key, names)}")


def read(document: Document, place: Place, content: Section, kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The fields of a struct that a mapping gives; what is wrong is left out, and told. Nothing stands for nothing."""
    found = {
        name: _converted(document, (*place, name), content[name], wanted)
        for name, wanted in _types(kind).items()
        if content.get(name) is not None
    }
    return {name: value for name, value in found.items() if value is not msgspec.UNSET}


def missing(content: Iterable[str], kind: type[msgspec.Struct]) -> list[str]:
    """The fields that must be given, and are not."""
    given = set(content)
    return [name for name in required(kind) if name not in given]


@cache
def required(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    """The fields of a struct that have no default."""
    return tuple(field.name for field in msgspec.structs.fields(kind) if field.required)


def only(document: Document, place: Place, value: Any, kind: type[msgspec.Struct], field: str) -> dict[str, Any]:
    """The one field of a struct from a value that stands where the whole struct could; nothing when it is wrong."""
    found = _converted(document, place, value, _types(kind)[field])
    return {} if found is msgspec.UNSET else {field: found}


def _converted(document: Document, place: Place, raw: Any, wanted: Any) -> Any:
    """UNSET when it is wrong, which is told."""
    kind = plain(wanted)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        content = section(document, place, raw)
        refuse_unknown(document, place, content, kind.__struct_fields__)
        return kind(**read(document, place, content, kind))
    if get_origin(kind) is dict and isinstance(raw, dict):
        return _mapping(document, place, raw, wanted)
    try:
        is_word_for_list = get_origin(kind) is tuple and not isinstance(raw, list)
        return msgspec.convert([raw] if is_word_for_list else bare(raw), wanted, dec_hook=from_yaml)
    except msgspec.ValidationError as error:
        inner, message = explained(error, _choices(kind))
        there = (*place, *inner) if isinstance(raw, list) else place
        document.complain(there, _in_other_words(place[-1], message, at(document, there)))
        return msgspec.UNSET


def _mapping(document: Document, place: Place, raw: dict[str, Any], wanted: Any) -> Any:
    """Item by item: msgspec does not say in which of them a mistake is."""
    found: dict[str, Any] = {}
    wrong = False
    for key, value in raw.items():
        try:
            found |= msgspec.convert({key: bare(value)}, wanted, dec_hook=from_yaml)
        except msgspec.ValidationError as error:
            document.complain((*place, key), _in_other_words(place[-1], explained(error)[1], value))
            wrong = True
    return msgspec.UNSET if wrong else found


def _in_other_words(name: str, message: str, raw: Any) -> str:
    if "matching regex" in message:
        return f"{raw!r} {_NAMED[name]}: use letters, digits and '_'"
    return f"must be a word, not {told(raw)}" if message == "must be a word" else message


def at(document: Document, place: Place) -> Any:
    """What stands in a place of the file; where that is in a word, the word."""
    value = document.value
    for key in place:
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.startswith("["):
            value = value[int(key[1:-1])]
    return value


def _meant(key: str, known: list[str]) -> str:
    other = _OF_OTHERS.get(key)
    return f"; did you mean {other}?" if other in known else did_you_mean(key, known)


def check_user(document: Document, place: Place, sudo: bool | str | None) -> None:
    """`sudo` names a user, if it is a word."""
    if isinstance(sudo, str) and not _USER.fullmatch(sudo):
        document.complain(place, f"{sudo!r} is no user's name; true is root")


def check_variables(document: Document, place: Place, names: Iterable[str]) -> None:
    """Tell of each that is no name of an environment variable."""
    for name in names:
        if not _VARIABLE.fullmatch(name):
            document.complain((*place, name), "is no variable's name: use letters, digits and '_'")


@cache
def _types(kind: type[msgspec.Struct]) -> dict[str, Any]:
    return {field.name: field.type for field in msgspec.structs.fields(kind)}


def plain(wanted: Any) -> Any:
    """The type without what is said about it."""
    return wanted.__origin__ if hasattr(wanted, "__metadata__") else wanted


def _choices(kind: Any) -> tuple[str, ...]:
    return get_args(kind) if get_origin(kind) is Literal else ()
