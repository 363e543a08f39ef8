"""A YAML file as plain values with the line of each, read safely: no tags, no duplicate keys, no alias bombs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from fleetctl.errors import Problem

_MAX_BYTES = 64 * 1024 * 1024
_MAX_VALUES = 2_000_000
_MAX_DEPTH = 30
_LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Place = tuple[str, ...]
"""The keys that lead to a value; items of a list count as [0], [1] …"""


class Document:
    """The content of one file: `value`, where everything stands, and what was wrong with it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.value: Any = None
        self.problems: list[Problem] = []
        self._lines: dict[Place, int] = {}
        self._count = 0
        self._convert = yaml.constructor.SafeConstructor()
        self._read()

    def line(self, place: Place) -> int:
        """The 1-based line of a value, or of the nearest thing around it."""
        while place and place not in self._lines:
            place = place[:-1]
        return self._lines.get(place, 1)

    def complain(self, place: Place, message: str) -> None:
        self.problems.append(Problem(self.path, self.line(place), ".".join(place), message))

    def _read(self) -> None:
        try:
            with self.path.open("rb") as stream:
                data = stream.read(_MAX_BYTES + 1)
        except OSError as error:
            self.problems.append(Problem(self.path, 0, "", f"cannot be read: {error.strerror}"))
            return
        if len(data) > _MAX_BYTES:
            self.problems.append(Problem(self.path, 0, "", "is larger than 64 MiB"))
            return
        try:
            loader = _LOADER(data)
            try:
                node = loader.get_single_node()
            finally:
                loader.dispose()
            self.value = None if node is None else self._value(node, ())
        except yaml.YAMLError as error:
            self.problems.append(_syntax(self.path, error))
        except _TooMuchError as error:
            self.problems.append(Problem(self.path, 0, "", str(error)))

    def _value(self, node: yaml.Node, place: Place) -> Any:
        self._count += 1
        if self._count > _MAX_VALUES or len(place) > _MAX_DEPTH:
            raise _TooMuchError("holds more than it can mean: aliases that multiply, or nesting without end")
        self._lines[place] = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, (*place, f"[{number}]")) for number, item in enumerate(node.value)]
        return self._scalar(node, place)

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, place)
            if key is None:
                continue
            inner = (*place, key)
            if key in mapping:
                first = self._lines[inner]
                self.problems.append(
                    Problem(
                        self.path, key_node.start_mark.line + 1, ".".join(inner), f"given twice, first on line {first}"
                    )
                )
                continue
            mapping[key] = self._value(value_node, inner)
            self._lines[inner] = key_node.start_mark.line + 1
        return mapping

    def _key(self, node: yaml.Node, place: Place) -> str | None:
        line = node.start_mark.line + 1
        if not isinstance(node, yaml.ScalarNode):
            self.problems.append(Problem(self.path, line, ".".join(place), "a key must be a word"))
            return None
        if node.tag.endswith((":bool", ":null")):
            said = f"YAML reads {node.value!r} as no word: put it in quotes"
            self.problems.append(Problem(self.path, line, ".".join(place), said))
            return None
        if node.tag.endswith(":merge"):
            self.problems.append(Problem(self.path, line, ".".join(place), "`<<` is not supported: use a group"))
            return None
        return str(node.value)

    def _scalar(self, node: yaml.Node, place: Place) -> Any:
        kind = node.tag.rpartition(":")[2]
        if kind in {"str", "timestamp"}:
            return node.value
        convert: Callable[[yaml.Node], Any] | None = getattr(self._convert, f"construct_yaml_{kind}", None)
        if kind not in {"int", "float", "bool", "null"} or convert is None:
            self.complain(place, f"the tag {node.tag} is not allowed")
            return None
        try:
            return convert(node)
        except ValueError:
            return node.value


class _TooMuchError(Exception):
    """The file would grow beyond all bounds when read."""


def _syntax(path: Path, error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    said = getattr(error, "problem", None) or str(error).splitlines()[0]
    return Problem(path, mark.line + 1 if mark else 0, "", f"is no YAML: {said}")
