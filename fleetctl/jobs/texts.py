"""What a word in a job file may be: the type of a field says how it is read, and when.

A plain `str` is meant as it stands. These are given to msgspec's `dec_hook`; see `from_yaml`.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from fleetctl.durations import seconds_in
from fleetctl.shares import share_in, shares_in


class Template(str):
    """Text in which `{{ … }}` is replaced, on each host, when its step begins."""

    __slots__ = ()


class Line(Template):
    """A template that becomes a command line for a shell: what goes in wants `| quote`."""

    __slots__ = ()


class LocalPath(Template):
    """A template that becomes the path of a file here, beside the job file if it is relative."""

    __slots__ = ()


class Expression(str):
    """What could stand between `{{` and `}}`; where it decides, it must come to true or false."""

    __slots__ = ()


class Seconds(float):
    """A span of time, written as 90, 90s, 5m or 500ms."""

    __slots__ = ()


class Mode(int):
    """Permission bits, written in octal: "0640"."""

    __slots__ = ()


class Shares(str):
    """`1,10%,50%`."""

    __slots__ = ()


class PauseText(str):
    """A span of time, or `ask`."""

    __slots__ = ()


class ShareText(str):
    """`2` or `10%`."""

    __slots__ = ()


def beside(file: str, path: str) -> Path:
    """A path here that stands in a file: a relative one begins where that file is."""
    with suppress(RuntimeError):  # there is no such user, and so no such file
        return Path(file).parent / Path(path).expanduser()
    return Path(file).parent / path


def from_yaml(kind: type[Any], value: Any) -> Any:
    """A value of one of these types. Raises: ValueError when it is none."""
    if isinstance(value, dict | list) or value is None:
        raise ValueError("must be a word")
    if issubclass(kind, Seconds):
        return kind(seconds_in(value))
    if issubclass(kind, Mode):
        return kind(_mode(value))
    text = _as_text(value)
    if issubclass(kind, Shares):
        shares_in(text)
    elif issubclass(kind, ShareText):
        share_in(text)
    elif issubclass(kind, PauseText):
        _ = text == "ask" or seconds_in(text)
    elif not text.strip() and (not issubclass(kind, Template) or issubclass(kind, Line | LocalPath)):
        raise ValueError("is empty")
    if "\0" in text:
        raise ValueError("holds a NUL, which no command, path or variable can")
    return kind(text)


def _as_text(value: Any) -> str:
    """As it is written in YAML, and in a shell: true, and not True. Raises: ValueError for 1.10, which YAML cuts."""
    match value:
        case float():
            raise ValueError("YAML reads it as a number with a fraction: put it in quotes")
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)


def _mode(value: Any) -> int:
    text = _as_text(value)
    if not 3 <= len(text.removeprefix("0")) <= 4 or set(text) - set("01234567"):
        raise ValueError(f"{text!r} are no permissions: write them in octal, as 0644")
    return int(text, 8)
