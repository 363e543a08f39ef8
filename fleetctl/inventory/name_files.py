"""The term `^FILE`: a file of host names, one or a range on a line, `#` before a comment; `^-` is standard input."""

from __future__ import annotations

import errno
import os
import stat
from functools import cache
from pathlib import Path

from fleetctl.errors import TargetError
from fleetctl.inventory.ranges import names_in
from fleetctl.nodes import FILE, parts

_STDIN = "-"
_HINT = "^FILE is a file of host names"
_MOST_BYTES = 16 * 1024 * 1024
_MOST_NAMES = 200_000

Named = dict[str, int]
"""Each name with its 1-based line, in the order of the file."""


def file_of(term: str) -> str:
    """The file's name in `^FILE`, `^"FILE"` or `^'FILE'`. Raises: TargetError when there is none."""
    name = term.removeprefix(FILE).strip()
    if name[:1] in {"'", '"'} and name[-1:] == name[:1] and len(name) > 1:
        name = name[1:-1]
    if not name:
        raise TargetError(f"{term!r} names no file", hint="write ^FILE, or ^- for standard input")
    return name


def reads_stdin(expression: str) -> bool:
    """Whether a target has `^-` in it."""
    try:
        return any(file_of(term) == _STDIN for _, term in parts(expression) if term.startswith(FILE))
    except (TargetError, ValueError):  # told when hosts are selected
        return False


def names_of(file: str) -> Named:
    """Raises: TargetError with file and line of what is wrong."""
    named: Named = {}
    for number, line in enumerate(_text(file).splitlines(), 1):
        pattern = line.partition("#")[0].strip()
        try:
            for name in names_in(pattern) if pattern else ():
                named.setdefault(name, number)
        except ValueError as error:
            raise TargetError(
                f"{shown(file)}:{number}: {error}", hint="a line has a host's name, or a range"
            ) from error
        if len(named) > _MOST_NAMES:
            raise TargetError(f"{shown(file)}:{number}: more than {_MOST_NAMES:,} names", hint="is it the right file?")
    return named


def shown(file: str) -> str:
    """What a message calls it."""
    return "standard input" if file == _STDIN else file


def _text(file: str) -> str:
    try:
        data = _stdin() if file == _STDIN else _content(Path(file).expanduser())
        return data.decode()
    except OSError as error:
        raise TargetError(
            f"cannot read {shown(file)}: {error.strerror}", hint="^FILE is a file of host names"
        ) from error
    except UnicodeDecodeError as error:
        raise TargetError(f"{shown(file)} is no text", hint="^FILE is a file of host names") from error


@cache
def _stdin() -> bytes:
    """All of it, once: a target is looked at more than once, and a pipe can be read only once."""
    return _bounded(0, _STDIN)


def _content(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        return _bounded(descriptor, str(path))
    finally:
        os.close(descriptor)


def _bounded(descriptor: int, name: str) -> bytes:
    pieces: list[bytes] = []
    while piece := os.read(descriptor, 1024 * 1024):
        pieces.append(piece)
        if sum(map(len, pieces)) > _MOST_BYTES:
            raise TargetError(f"{shown(name)} is larger than 16 MiB", hint="is it the right file?")
    return b"".join(pieces)
