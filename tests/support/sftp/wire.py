"""SFTP version 3 as a server sees it (draft-ietf-secsh-filexfer-02): requests understood, answers packed."""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

OPENSSH = ("posix-rename@openssh.com", "hardlink@openssh.com", "fsync@openssh.com", "limits@openssh.com")
STATUS, HANDLE, DATA, NAME, ATTRIBUTES, EXTENDED_REPLY = 101, 102, 103, 104, 105, 201
INIT, VERSION = 1, 2

_EXTENDED = 200
_FORMS: dict[int, tuple[str, str]] = {
    3: ("open", "path flags attributes"),
    4: ("close", "handle"),
    5: ("read", "handle offset length"),
    6: ("write", "handle offset data"),
    7: ("lstat", "path"),
    8: ("fstat", "handle"),
    9: ("setstat", "path attributes"),
    10: ("fsetstat", "handle attributes"),
    11: ("opendir", "path"),
    12: ("readdir", "handle"),
    13: ("remove", "path"),
    14: ("mkdir", "path attributes"),
    15: ("rmdir", "path"),
    16: ("realpath", "path"),
    17: ("stat", "path"),
    18: ("rename", "path other"),
    19: ("readlink", "path"),
    20: ("symlink", "other path"),  # OpenSSH's order, not the draft's
}
_EXTENDED_FORMS = dict(zip(OPENSSH, ("path other", "path other", "handle", ""), strict=True))


class Status(NamedTuple):
    code: int
    text: str


OK = Status(0, "Success")
END_OF_FILE = Status(1, "End of file")
NO_SUCH_FILE = Status(2, "No such file")
PERMISSION_DENIED = Status(3, "Permission denied")
FAILURE = Status(4, "Failure")
NO_SPACE = Status(4, "No space left on device")
BAD_MESSAGE = Status(5, "Bad message")
UNSUPPORTED = Status(8, "Operation unsupported")


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it was understood.

    Attributes:
        kind: `open`, `read` … as in the draft, or the whole name of an extension.
        path: as the client wrote it; for a request about a handle, the path that was opened.
        other: the new name of a rename, what a symlink points to.
        length: how much a read asks for, how much a write brings.
        mode, mtime: what it would set, if it would.
        session: which SFTP session of the server, from 1.
        nth: the how-manieth request that the server saw, from 1; turn: likewise of its kind.
        moved: bytes that reads and writes before this one asked to move.
    """

    kind: str
    number: int
    path: str = ""
    other: str = ""
    offset: int = 0
    length: int = 0
    flags: int = 0
    mode: int | None = None
    mtime: int | None = None
    session: int = 0
    nth: int = 0
    turn: int = 0
    moved: int = 0


@dataclass(frozen=True, slots=True)
class Attributes:
    size: int | None = None
    owner: tuple[int, int] | None = None
    mode: int | None = None
    times: tuple[int, int] | None = None

    @classmethod
    def of(cls, facts: os.stat_result) -> Attributes:
        times = int(facts.st_atime), int(facts.st_mtime)
        return cls(facts.st_size, (facts.st_uid, facts.st_gid), facts.st_mode, times)

    def packed(self) -> bytes:
        fields: tuple[tuple[int, str, tuple[int, ...] | None], ...] = (
            (1, ">Q", None if self.size is None else (self.size,)),
            (2, ">II", self.owner),
            (4, ">I", None if self.mode is None else (self.mode,)),
            (8, ">II", self.times),
        )
        there = [(flag, struct.pack(form, *value)) for flag, form, value in fields if value is not None]
        return struct.pack(">I", sum(flag for flag, _ in there)) + b"".join(data for _, data in there)


class Named(NamedTuple):
    """What a listing tells of one thing."""

    name: bytes
    attributes: Attributes


def named(name: str | bytes, kind: int = stat.S_IFREG, size: int = 4) -> Named:
    """Something to be listed that need not be there; for the kinds see `stat.S_IFREG` and its like."""
    return Named(os.fsencode(name), Attributes(size, (0, 0), kind | 0o644, (0, 0)))


Before = Callable[[Request], Status | None]


@dataclass(frozen=True, slots=True)
class Asked:
    request: Request
    handle: bytes
    attributes: Attributes
    data: bytes


Answer = tuple[int, bytes]


def framed(kind: int, body: bytes) -> bytes:
    return struct.pack(">IB", len(body) + 1, kind) + body


def string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def status(what: Status) -> Answer:
    return STATUS, struct.pack(">I", what.code) + string(what.text.encode()) + string(b"en")


def told_names(names: list[Named]) -> Answer:
    parts = [string(each.name) + string(b"-rw-r--r-- " + each.name) + each.attributes.packed() for each in names]
    return NAME, struct.pack(">I", len(parts)) + b"".join(parts)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def take(self, form: str) -> tuple[int, ...]:
        values = struct.unpack_from(form, self._data, self._place)
        self._place += struct.calcsize(form)
        return values

    def number(self) -> int:
        return self.take(">I")[0]

    def long_number(self) -> int:
        return self.take(">Q")[0]

    def string(self) -> bytes:
        size = self.number()
        self._place += size
        return self._data[self._place - size : self._place]

    def text(self) -> str:
        return os.fsdecode(self.string())

    def attributes(self) -> Attributes:
        flags = self.number()
        size = self.long_number() if flags & 1 else None
        owner = (self.number(), self.number()) if flags & 2 else None
        mode = self.number() if flags & 4 else None
        times = (self.number(), self.number()) if flags & 8 else None
        return Attributes(size, owner, mode, times)


_TAKES: Mapping[str, Callable[[_Reader], Any]] = {
    "path": _Reader.text, "other": _Reader.text, "handle": _Reader.string, "data": _Reader.string,
    "offset": _Reader.long_number, "length": _Reader.number, "flags": _Reader.number,
    "attributes": _Reader.attributes,
}  # fmt: skip


def understood(packet: bytes, path_of: Callable[[bytes], str]) -> Asked:
    reader = _Reader(packet[1:])
    number = reader.number()
    if packet[0] == _EXTENDED:
        kind = reader.text()
        form = _EXTENDED_FORMS.get(kind, "")
    else:
        kind, form = _FORMS.get(packet[0], (f"type {packet[0]}", ""))
    found = {name: _TAKES[name](reader) for name in form.split()}
    handle, data = found.pop("handle", b""), found.pop("data", b"")
    attributes = found.pop("attributes", Attributes())
    plain: dict[str, Any] = {"path": path_of(handle), "length": len(data)} | found
    times = attributes.times
    request = Request(kind, number, mode=attributes.mode, mtime=times[1] if times else None, **plain)
    return Asked(request, handle, attributes, data)
