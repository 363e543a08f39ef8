"""A YAML file as plain values with the line of each, read safely: no tags, no duplicate keys, no alias bombs.

Values are built from the parser's events. yaml's own composer in C recurses without bound, and 100,000
brackets in a file crash the process.
"""

from __future__ import annotations

import re
from itertools import takewhile
from pathlib import Path
from typing import Any

import msgspec
import yaml

from fleetctl.errors import Problem
from fleetctl.inventory.types import PROVIDERS, SECRETS

_MAX_DEPTH = 30
_LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SPELLINGS: tuple[tuple[str, bool | None], ...] = (("null", None), ("true yes on", True), ("false no off", False))
_CONSTANTS: dict[str, bool | None] = {"": None, "~": None}
_CONSTANTS |= {
    spelling: value
    for words, value in _SPELLINGS
    for word in words.split()
    for spelling in (word, word.title(), word.upper())
}
_WHOLE = re.compile(r"-?(?:0|[1-9]\d{0,17})")
_FRACTION = re.compile(r"-?\d{1,18}\.\d{1,18}")
_HINTS = {
    "expected ',' or ']'": '; a range inside [ ] wants quotes: ["web[01-03]"]',
    "mapping values are not allowed": "; text that holds a colon and a blank wants quotes",
}
_QUOTED = re.compile(r"'(?! or )[^'<]{2,}'")
_SECRET = re.compile(rf"({'|'.join(SECRETS)})([\s:].*)?", re.DOTALL)
_IN_SECRET = re.compile(rf"{'|'.join(PROVIDERS)}|\[\d+\]")
_WORD_TAGS = {"!", "tag:yaml.org,2002:str"}

Place = tuple[str, ...]
"""The keys that lead to a value; items of a list count as [0], [1] …"""


class Limits(msgspec.Struct, frozen=True):
    """What one file may be: so many MiB, and so many values with all aliases counted; more is not read."""

    mebibytes: int
    values: int


_INVENTORY = Limits(64, 2_000_000)


class Section(dict[str, Any]):
    """A mapping of the file; `lines` has the 1-based line of each key."""

    __slots__ = ("lines",)

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[str, int] = {}


class Items(list[Any]):
    """A list of the file; `lines` has the 1-based line of each item."""

    __slots__ = ("lines",)

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[int] = []


def written(place: Place) -> str:
    """A place as people write it: `groups.web.hosts[0]`. Keys that may be a secret are left out of it."""
    shown: list[str] = []
    for key in place:
        if (secret := _SECRET.fullmatch(key)) is not None:
            inside = place[len(shown) + 1 :]
            shown += [f"{secret[1]}{'…' if secret[2] else ''}", *takewhile(_IN_SECRET.fullmatch, inside)]
            break
        shown.append(key)
    return ".".join(shown).replace(".[", "[")


def is_secret(place: Place) -> bool:
    """Whether what stands there may be a secret."""
    return any(map(_SECRET.fullmatch, place))


def bare(value: Any) -> Any:
    """The value in ordinary dicts and lists."""
    if isinstance(value, dict):
        return {key: bare(one) for key, one in value.items()}
    return [bare(one) for one in value] if isinstance(value, list) else value


class Document:
    """The content of one file: `value`, None when it is empty or cannot be read, and what was wrong with it.

    `data` is what was read, byte for byte.
    """

    def __init__(self, path: Path, limits: Limits = _INVENTORY) -> None:
        self.path = path
        self.data = b""
        self.value: Any = None
        self.problems: list[Problem] = []
        self._limits = limits
        self._secrets_told: set[str] = set()
        self._count = 0
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._read()

    def line(self, place: Place) -> int:
        """The 1-based line of a value, or of the nearest thing around it."""
        line, around = 1, self.value
        for key in place:
            if isinstance(around, Section) and key in around:
                line, around = around.lines[key], around[key]
            elif isinstance(around, Items) and key.startswith("["):
                line, around = around.lines[int(key[1:-1])], around[int(key[1:-1])]
        return line

    def complain(self, place: Place, message: str, line: int = 0) -> None:
        path = written(place)
        if is_secret(place):
            # What is wrong with a secret once it cannot be read follows from that.
            if path in self._secrets_told:
                return
            self._secrets_told.add(path)
        self.problems.append(Problem(self.path, line or self.line(place), path, message))

    def _read(self) -> None:
        most = self._limits.mebibytes << 20
        try:
            with self.path.open("rb") as stream:
                self.data = stream.read(most + 1)
        except OSError as error:
            self.problems.append(Problem(self.path, 0, "", f"cannot be read: {error.strerror}"))
            return
        if len(self.data) > most:
            self.problems.append(Problem(self.path, 0, "", f"is larger than {self._limits.mebibytes} MiB"))
            return
        try:
            self._parse()
        except yaml.YAMLError as error:
            self.problems.append(_syntax(self.path, self.data, error))
        except _TooMuchError as error:
            self.problems.append(Problem(self.path, error.line, "", error.message))

    def _parse(self) -> None:
        loader = _LOADER(self.data)
        try:
            self._next = loader.get_event
            self._next()
            if loader.check_event(yaml.StreamEndEvent):
                return
            self._next()
            self.value = self._value(self._next(), ())
            self._next()
            if not loader.check_event(yaml.StreamEndEvent):
                self.complain((), "has a second document, after `---`", _line(self._next()))
        finally:
            loader.dispose()

    def _value(self, event: Any, place: Place) -> Any:
        before = self._count
        self._counted(1, event, place)
        match event:
            case yaml.ScalarEvent():
                value = self._scalar(event, place)
            case yaml.AliasEvent():
                return self._alias(event, place)
            case yaml.MappingStartEvent():
                self._refuse_tag(event, place)
                value = self._section(place)
            case _:
                self._refuse_tag(event, place)
                value = self._items(place)
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, self._count - before)
        return value

    def _section(self, place: Place) -> Section:
        section = Section()
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            line = _line(event)
            key = self._key(event, place)
            inner = place if key is None else (*place, key)
            value = self._value(self._next(), inner)
            if key is None:
                continue
            if key in section:
                self.complain(inner, f"given twice, first on line {section.lines[key]}", line)
                continue
            section[key] = value
            section.lines[key] = line
        return section

    def _items(self, place: Place) -> Items:
        items = Items()
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            line = _line(event)
            items.append(self._value(event, (*place, f"[{len(items)}]")))
            items.lines.append(line)
        return items

    def _key(self, event: Any, place: Place) -> str | None:
        if not isinstance(event, yaml.ScalarEvent):
            key = self._value(event, place)
            if not isinstance(key, str):
                braces = "; text that begins with {{ wants quotes" if isinstance(key, dict) else ""
                self.complain(place, f"a key must be a word{braces}", _line(event))
                return None
            return key
        text = str(event.value)
        self._refuse_tag(event, (*place, text))
        if event.anchor is not None:
            self._anchors[event.anchor] = (text, 1)
        if event.implicit[0] and text in _CONSTANTS:
            self.complain((*place, text), f"YAML reads it as {told(_CONSTANTS[text])}: put it in quotes", _line(event))
            return None
        if event.implicit[0] and text == "<<":
            self.complain((*place, text), "merging is not supported: write the keys out", _line(event))
            return None
        return text

    def _scalar(self, event: Any, place: Place) -> Any:
        text = event.value
        if not event.implicit[0]:
            self._refuse_tag(event, place)
            return text
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if _WHOLE.fullmatch(text):
            return int(text)
        return float(text) if _FRACTION.fullmatch(text) else text

    def _alias(self, event: Any, place: Place) -> Any:
        if event.anchor not in self._anchors:
            self.complain(place, f"there is no such anchor before this: {_quotes('*')}", _line(event))
            return None
        value, size = self._anchors[event.anchor]
        self._counted(size, event, place)
        return value

    def _refuse_tag(self, event: Any, place: Place) -> None:
        if event.tag is not None and event.tag not in _WORD_TAGS:
            self.complain(place, f"tags are not allowed: {_quotes('!')}", _line(event))

    def _counted(self, values: int, event: Any, place: Place) -> None:
        self._count += values
        if self._count > (most := self._limits.values):
            raise _TooMuchError(f"stands for more than {most:,} values: do aliases multiply?", _line(event))
        if len(place) > _MAX_DEPTH:
            raise _TooMuchError(f"is nested more than {_MAX_DEPTH} deep", _line(event))


class _TooMuchError(Exception):
    """The file would grow beyond all bounds when read."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


def told(value: Any) -> str:
    """What a value is, in a word or two, which never are its own: it may be a secret in the wrong place."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return "a number"
        case str():
            return "a word"
        case _:
            return "a list" if isinstance(value, list) else "a mapping"


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _quotes(sign: str) -> str:
    return f"a word that begins with {sign} wants quotes"


def _syntax(path: Path, data: bytes, error: yaml.YAMLError) -> Problem:
    if isinstance(error, yaml.reader.ReaderError):
        line = data.count(b"\n", 0, error.position) + 1
        is_control = "control" in error.reason
        said = f"holds the control character U+{error.character:04X}" if is_control else "is no text in UTF-8"
        return Problem(path, line, "", said)
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    said = getattr(error, "problem", None) or str(error).splitlines()[0]
    hints = (hint for part, hint in _HINTS.items() if part in said)
    hint = next(hints, "") or (_hint_at(data, mark) if "cannot start any token" in said else "")
    return Problem(path, mark.line + 1 if mark else 0, "", f"is no YAML: {_QUOTED.sub('…', said)}{hint}")


def _hint_at(data: bytes, mark: Any) -> str:
    """What may be meant by a sign that begins no value."""
    line = data.decode(errors="replace").split("\n")[mark.line]
    sign = line[mark.column : mark.column + 1]
    return "; lines are indented with blanks, not with tabs" if sign == "\t" else f"; {_quotes(sign)}"
