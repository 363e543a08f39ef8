"""From a document to levels: defaults, groups and hosts, each setting checked, converted and with its place."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from fleetctl.durations import seconds_in
from fleetctl.errors import Problem
from fleetctl.inventory.document import Document, Place
from fleetctl.inventory.ranges import names_in
from fleetctl.inventory.types import File, Group, Settings

_TYPES = {field.name: field.type for field in msgspec.structs.fields(Settings)}
_GROUP_ONLY = ("hosts", "groups")
_FILE_KEYS = tuple(field.name for field in msgspec.structs.fields(File))


@dataclass(frozen=True, slots=True)
class Given:
    """A setting's value and where it was given: by which level, and in which file and line if in one."""

    value: Any
    level: str
    file: Path | None = None
    line: int = 0

    @property
    def source(self) -> str:
        """`inventory.yaml:12 group web`, or `built-in`."""
        return f"{self.file}:{self.line} {self.level}" if self.file else self.level

    def problem(self, message: str) -> Problem:
        return Problem(self.file or Path(), self.line, self.level, message)


@dataclass(slots=True)
class Level:
    """The settings of one host, one group, or the defaults. `vars` and `env` are kept per key: `vars.role`."""

    title: str
    settings: dict[str, Given] = field(default_factory=dict)
    tags: dict[str, Given] = field(default_factory=dict)


@dataclass(slots=True)
class GroupLevel(Level):
    """A group: its own hosts (not those of its children), in order, and its children with their places."""

    hosts: dict[str, None] = field(default_factory=dict)
    children: dict[str, Given] = field(default_factory=dict)


@dataclass(slots=True)
class Levels:
    """All files put together; what a later file gives wins over an earlier one at the same level."""

    defaults: Level = field(default_factory=lambda: Level("defaults"))
    groups: dict[str, GroupLevel] = field(default_factory=dict)
    hosts: dict[str, Level] = field(default_factory=dict)
    default_target: str = ""


def add(document: Document, levels: Levels) -> None:
    """Add a file's content. What is wrong with it goes to `document.problems`."""
    content = document.value if document.value is not None else {}
    if not isinstance(content, dict):
        document.complain((), "must be a mapping with the keys defaults, groups and hosts")
        return
    _refuse_unknown(document, (), content, _FILE_KEYS)
    reader = _Reader(document, levels)
    target = content.get("default_target")
    if target is not None and not isinstance(target, str):
        document.complain(("default_target",), "must be a target expression, a word")
    elif target is not None:
        levels.default_target = target
    reader.settings(("defaults",), content.get("defaults"), levels.defaults)
    for name, group in reader.mapping(("groups",), content.get("groups")).items():
        reader.group(name, group)
    reader.hosts(("hosts",), content.get("hosts"), None)


class _Reader:
    """Reads the parts of one document into levels."""

    def __init__(self, document: Document, levels: Levels) -> None:
        self._document = document
        self._levels = levels

    def mapping(self, place: Place, value: Any) -> dict[str, Any]:
        if value is None:
            return {}
        if isinstance(value, dict):
            return value
        self._document.complain(place, f"must be a mapping, not {_kind(value)}")
        return {}

    def group(self, name: str, value: Any) -> None:
        place = ("groups", name)
        if not name or any(char in name for char in " ,&!^@:[]"):
            self._document.complain(place, "a group's name may not hold any of ' ,&!^@:[]'")
            return
        content = self.mapping(place, value)
        level = self._levels.groups.setdefault(name, GroupLevel(f"group {name}"))
        self.settings(place, {key: value for key, value in content.items() if key not in _GROUP_ONLY}, level, Group)
        self.hosts((*place, "hosts"), content.get("hosts"), level)
        children = content.get("groups")
        if children is not None and not (isinstance(children, list) and all(isinstance(c, str) for c in children)):
            self._document.complain((*place, "groups"), "must be a list of group names")
        else:
            for number, child in enumerate(children or []):
                level.children.setdefault(child, self._given(child, (*place, "groups", f"[{number}]"), level))

    def hosts(self, place: Place, value: Any, group: GroupLevel | None) -> None:
        """Hosts as a range string, a list of such, or a map of name or range to settings."""
        if value is None:
            return
        if isinstance(value, str):
            self._define(place, value, None, group)
        elif isinstance(value, list):
            for number, item in enumerate(value):
                inner = (*place, f"[{number}]")
                if isinstance(item, str):
                    self._define(inner, item, None, group)
                else:
                    self._document.complain(inner, f"must be a host name or a range, not {_kind(item)}")
        else:
            for pattern, settings in self.mapping(place, value).items():
                self._define((*place, pattern), pattern, settings, group)

    def _define(self, place: Place, pattern: str, settings: Any, group: GroupLevel | None) -> None:
        try:
            names = names_in(pattern)
        except ValueError as error:
            self._document.complain(place, str(error))
            return
        for name in names:
            level = self._levels.hosts.get(name)
            if level is None:
                level = self._levels.hosts[name] = Level(f"host {name}")
            if group is not None:
                group.hosts[name] = None
        if settings is not None and names:
            first = self._levels.hosts[names[0]]
            read = Level(first.title)
            self.settings(place, settings, read)
            for name in names:
                self._merge(self._levels.hosts[name], read)

    def _merge(self, level: Level, read: Level) -> None:
        level.settings.update(read.settings)
        level.tags.update(read.tags)

    def settings(self, place: Place, value: Any, level: Level, kind: type[Settings] = Settings) -> None:
        """Check the settings at a place and add them to a level."""
        content = self.mapping(place, value)
        _refuse_unknown(self._document, place, content, (*_TYPES, *(_GROUP_ONLY if kind is Group else ())))
        for name, raw in content.items():
            if name not in _TYPES or raw is None:
                continue
            inner = (*place, name)
            if name == "address" and not level.title.startswith("host "):
                self._document.complain(inner, "is the address of one host: give it under the host's name")
                continue
            try:
                converted = msgspec.convert(raw, _TYPES[name])
                self._put(level, inner, name, converted)
            except (msgspec.ValidationError, ValueError) as error:
                self._document.complain(inner, _plainly(error, raw))

    def _put(self, level: Level, place: Place, name: str, value: Any) -> None:
        """Raises: ValueError when the value has the right type and makes no sense."""
        if name in {"vars", "env"}:
            for key, one in value.items():
                text = str(one) if name == "env" else one
                level.settings[f"{name}.{key}"] = self._given(text, (*place, key), level)
            return
        if name == "tags":
            level.tags.update((tag, self._given(tag, place, level)) for tag in _words(value))
            return
        level.settings[name] = self._given(_sensible(name, value, self._document.path.parent), place, level)

    def _given(self, value: Any, place: Place, level: Level) -> Given:
        return Given(value, level.title, self._document.path, self._document.line(place))


def _sensible(name: str, value: Any, directory: Path) -> Any:
    match name:
        case "keys" | "known_hosts":
            return tuple(str(directory / Path(word).expanduser()) for word in _words(value))
        case "jump":
            return tuple(_words(value))
        case "connect_timeout":
            return seconds_in(value)
        case "password" | "key_passphrase" if not isinstance(value, str):
            value.given()
        case "address" | "user" if not value or value.startswith("-") or any(c.isspace() for c in value):
            raise ValueError(f"{value!r} cannot be: it is empty, holds a blank, or begins with '-'")
    return value


def _words(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _refuse_unknown(document: Document, place: Place, content: Iterable[str], known: Iterable[str]) -> None:
    allowed = list(known)
    for key in content:
        if key not in allowed:
            near = difflib.get_close_matches(key, allowed, 1)
            document.complain((*place, key), f"unknown key; did you mean {near[0]}?" if near else "unknown key")


def _plainly(error: Exception, raw: Any) -> str:
    text = str(error).replace("`", "").split(" - at ")[0].replace(" | null", "").replace("object", "mapping")
    if isinstance(raw, bool) and "bool" in text:
        return f"{text}: YAML reads yes, no, on and off as true and false: put it in quotes"
    return text


def _kind(value: Any) -> str:
    names = {
        str: "a word",
        list: "a list",
        dict: "a mapping",
        bool: "true or false",
        int: "a number",
        float: "a number",
    }
    return names.get(type(value), type(value).__name__)
