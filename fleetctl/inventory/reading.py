"""From a document to levels: every setting checked and converted, every mistake told with its place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from fleetctl.inventory.document import Document, Place, Section, told, written
from fleetctl.inventory.levels import Given, GroupLevel, Level, Levels
from fleetctl.inventory.mistakes import did_you_mean, explained
from fleetctl.inventory.ranges import names_in
from fleetctl.inventory.sense import group_name, settled
from fleetctl.inventory.types import SECRETS, File, Group, HostSettings, Settings, Words

_KEYS = {
    kind: {field.name: field.type for field in msgspec.structs.fields(kind)}
    for kind in (File, Group, Settings, HostSettings)
}
_SETTINGS = _KEYS[HostSettings]
_LISTS = {name for name, kind in _SETTINGS.items() if kind == Words | None}
_NO_ADDRESS = "is the address of one host: give it under the host's name"
_MAX_HOSTS = 200_000


def add(document: Document, levels: Levels) -> None:
    """Add a file's content. What is wrong with it goes to `document.problems`."""
    reader = _Reader(document, levels)
    content = reader.section((), document.value)
    reader.refuse_unknown((), content, _KEYS[File])
    parts = {
        "default_target": reader.default_target,
        "defaults": reader.defaults,
        "groups": reader.groups,
        "hosts": reader.hosts,
    }
    # In the order of the file, which is the order in which hosts are shown.
    for key, value in content.items():
        if key in parts:
            parts[key]((key,), value)


class _Reader:
    """Reads the parts of one document into levels."""

    def __init__(self, document: Document, levels: Levels) -> None:
        self._document = document
        self._levels = levels
        self._directory = document.path.parent

    def section(self, place: Place, value: Any) -> Section:
        if isinstance(value, Section):
            return value
        if value is not None:
            self._document.complain(place, f"must be a mapping, not {told(value)}")
        return Section()

    def refuse_unknown(self, place: Place, content: Section, known: dict[str, Any]) -> None:
        for key in content:
            if key in known:
                continue
            said = _NO_ADDRESS if key == "address" else f"unknown key{did_you_mean(key, known)}"
            self._document.complain((*place, key), said)

    def default_target(self, place: Place, value: Any) -> None:
        if isinstance(value, str):
            file, line = self._document.path, self._document.line(place)
            self._levels.default_target = Given(value, "the file", file, line, written(place))
        elif value is not None:
            self._document.complain(place, f"must be a target expression, not {told(value)}")

    def defaults(self, place: Place, value: Any) -> None:
        self._settings(place, self.section(place, value), self._levels.defaults, Settings)

    def groups(self, place: Place, value: Any) -> None:
        for name, group in self.section(place, value).items():
            self._group((*place, name), name, group)

    def _group(self, place: Place, name: str, value: Any) -> None:
        try:
            group_name(name)
        except ValueError as error:
            self._document.complain(place, str(error))
            return
        content = self.section(place, value)
        level = self._levels.groups.setdefault(name, GroupLevel(f"group {name}"))
        self._settings(place, content, level, Group)
        self.hosts((*place, "hosts"), content.get("hosts"), level)
        self._children((*place, "groups"), content.get("groups"), level)

    def hosts(self, place: Place, value: Any, group: GroupLevel | None = None) -> None:
        """Hosts as a range string, a list of such, or a mapping of names and ranges to settings."""
        if isinstance(value, str):
            self._define(place, value, None, group)
        elif isinstance(value, list):
            for number, item in enumerate(value):
                self._define((*place, f"[{number}]"), item, None, group)
        else:
            for pattern, settings in self.section(place, value).items():
                self._define((*place, pattern), pattern, settings, group)

    def _settings(self, place: Place, content: Section, level: Level, kind: type[Settings]) -> None:
        """Check the settings of a section and put them into a level."""
        self.refuse_unknown(place, content, _KEYS[kind])
        for name in SECRETS:
            if name in content and content[name] in (None, ""):
                self._document.complain((*place, name), "is empty: a word that begins with & or # wants quotes")
        for name, value in self._settled(place, content):
            self._put(level, (*place, name), content, value)

    def _put(self, level: Level, place: Place, content: Section, value: Any) -> None:
        name, path, file = place[-1], written(place), self._document.path
        line = content.lines[name]
        if name == "tags":
            level.tags.update((tag, Given(tag, level.title, file, line, path)) for tag in value)
        elif name in {"vars", "env"}:
            lines = content[name].lines
            for key, one in value.items():
                level.settings[f"{name}.{key}"] = Given(one, level.title, file, lines[key], f"{path}.{key}")
        else:
            level.settings[name] = Given(value, level.title, file, line, path)

    def _settled(self, place: Place, content: Section) -> Iterator[tuple[str, Any]]:
        """The settings that are given. The wrong ones are complained of and left out."""
        given = {name: raw for name, raw in content.items() if name in _SETTINGS and raw is not None}
        try:
            whole = msgspec.convert(given, HostSettings)
        except msgspec.ValidationError:
            whole = None
        for name, raw in given.items():
            try:
                value = msgspec.convert(raw, _SETTINGS[name]) if whole is None else getattr(whole, name)
                value = settled(name, value, self._directory)
            except (msgspec.ValidationError, ValueError):
                self._complain_of((*place, name), raw)
            else:
                yield name, value

    def _complain_of(self, place: Place, raw: Any) -> None:
        for step, piece in _pieces(place[-1], raw):
            try:
                settled(place[-1], msgspec.convert(piece, _SETTINGS[place[-1]]), self._directory)
            except msgspec.ValidationError as error:
                inner, message = explained(error)
                self._document.complain((*place, *step, *inner[len(step) :]), message)
            except ValueError as error:
                self._document.complain((*place, *step), str(error))

    def _children(self, place: Place, value: Any, level: GroupLevel) -> None:
        if value is not None and not isinstance(value, list):
            self._document.complain(place, f"must be a list of group names, not {told(value)}")
            return
        for number, child in enumerate(value or []):
            inner = (*place, f"[{number}]")
            if isinstance(child, str):
                line = self._document.line(inner)
                level.children.setdefault(child, Given(child, level.title, self._document.path, line, written(inner)))
            else:
                self._document.complain(inner, f"must be a group's name, not {told(child)}: put it in quotes")

    def _define(self, place: Place, pattern: Any, settings: Any, group: GroupLevel | None) -> None:
        names = self._names(place, pattern)
        hosts = self._levels.hosts
        for name in names:
            if name not in hosts:
                hosts[name] = Level(f"host {name}")
            if group is not None:
                group.hosts[name] = None
        if settings is not None:
            read = Level(f"host {pattern}")
            content = self.section(place, settings)
            self._settings(place, content, read, HostSettings)
            if len(names) > 1 and "address" in read.settings:
                self._document.complain((*place, "address"), f"is the address of one host, and these are {len(names)}")
            for name in names:
                self._lay_over(hosts[name], read)

    def _names(self, place: Place, pattern: Any) -> list[str]:
        if not isinstance(pattern, str):
            quote = "" if isinstance(pattern, dict | list) else ": put it in quotes"
            self._document.complain(place, f"must be a host's name or a range, not {told(pattern)}{quote}")
            return []
        try:
            names = names_in(pattern)
        except ValueError as error:
            self._document.complain(place, str(error))
            return []
        if len(self._levels.hosts) + sum(name not in self._levels.hosts for name in names) > _MAX_HOSTS:
            self._document.complain(place, f"makes more than {_MAX_HOSTS:,} hosts in all")
            return []
        return names

    def _lay_over(self, level: Level, read: Level) -> None:
        """Within a file a host's own name wins over a range that holds it; a later file wins over an earlier one."""
        level.tags.update(read.tags)
        if not level.settings:
            level.settings.update(read.settings)
            return
        for name, given in read.settings.items():
            other = level.settings.get(name)
            own = given.level == level.title
            if other is None or other.file != given.file or (own and other.level != level.title):
                level.settings[name] = given
            elif other.value != given.value and own == (other.level == level.title):
                self._document.problems.append(given.problem(f"line {other.line} says otherwise of {level.title}"))


def _pieces(name: str, raw: Any) -> list[tuple[Place, Any]]:
    """A setting's items one by one, each with the step to it, so that a mistake is told of the item that holds it."""
    if name in _LISTS and isinstance(raw, list):
        return [((f"[{number}]",), [item]) for number, item in enumerate(raw)]
    if name == "env" and isinstance(raw, dict):
        return [((key,), {key: one}) for key, one in raw.items()]
    return [((), raw)]
