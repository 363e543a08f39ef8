"""Tar as a stream (POSIX.1-1988 ustar with GNU's long names and large sizes; pax headers are read).

Python's tarfile takes some 30 µs for a header either way and wants a file to seek in or block on; a tree of 5,000
small files is sent in less time than that adds up to.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from fleetctl.errors import ServerFailure
from fleetctl.transfer.tree import Kind

_BLOCK = 512
_RECORD = 10240
_LONGEST_NAME = 64 * 1024
_LARGEST_PAX = 1024 * 1024
_LARGEST_OCTAL = 0o77777777777
_TYPES: dict[Kind, bytes] = {"file": b"0", "directory": b"5", "link": b"2"}
_KINDS: dict[bytes, Kind] = {b"0": "file", b"\0": "file", b"7": "file", b"5": "directory", b"2": "link"}
_LONG_NAME, _LONG_TARGET, _PAX, _PAX_FOR_ALL = b"L", b"K", b"x", b"g"
_IDS = b"0000000\0" * 2
_MAGIC = b"ustar\x0000"
_SPACES = 8 * ord(" ")
_FIXED = sum(_IDS) + sum(_MAGIC) + _SPACES
_fields = struct.Struct("100s8s8s8s12s12s8sc100s6s2s32s32s8s8s155s12x")


@dataclass(frozen=True, slots=True)
class Member:
    """The head of a member; its body follows as Data. What is neither file, directory nor link is `other`."""

    path: str
    kind: Kind
    size: int
    mode: int
    mtime: int
    target: str = ""


@dataclass(frozen=True, slots=True)
class Data:
    """A piece of the body of the member before it."""

    data: memoryview


def header(path: str, kind: Kind, *, size: int = 0, mode: int = 0o644, mtime: int = 0, target: str = "") -> bytes:
    """What stands before a member's body."""
    name = os.fsencode(f"{path}/" if kind == "directory" else path)
    aim = os.fsencode(target)
    before = b""
    if len(aim) > 100:
        before += _long(_LONG_TARGET, aim)
    if len(name) > 100:
        before += _long(_LONG_NAME, name)
    return before + _head(name[:100], _TYPES[kind], size, mode, max(0, mtime), aim[:100])


def padding(size: int) -> bytes:
    """What follows a body of that size."""
    return bytes(-size % _BLOCK)


def ending(written: int) -> bytes:
    """What ends an archive of so many bytes: two blocks of zeros, and more of them to a whole record."""
    return bytes(2 * _BLOCK + -(written + 2 * _BLOCK) % _RECORD)


def _long(kind: bytes, name: bytes) -> bytes:
    return _head(b"././@LongLink", kind, len(name) + 1, 0o644, 0, b"") + name + b"\0" + padding(len(name) + 1)


def _head(name: bytes, kind: bytes, size: int, mode: int, mtime: int, aim: bytes) -> bytes:
    amount = b"%011o\0" % size if size <= _LARGEST_OCTAL else b"\x80" + size.to_bytes(11, "big")
    rights, time = b"%07o\0" % mode, b"%011o\0" % mtime
    total = _FIXED + sum(b"%b%b%b%b%b%b" % (name, rights, amount, time, kind, aim))
    return b"%b%b%b%b%b%06o\0 %b%b%b%b" % (
        name.ljust(100, b"\0"), rights, _IDS, amount, time, total, kind, aim.ljust(100, b"\0"), _MAGIC, bytes(247),
    )  # fmt: skip


class ArchiveReader:
    """Takes an archive in pieces as they come. Names are not judged here.

    Raises: ServerFailure from `feed`, for what is no archive.
    """

    def __init__(self) -> None:
        self._held = b""
        self._body = 0
        self._padding = 0
        self._zeros = 0
        self._meta: bytes = b""
        self._meta_body = b""
        self._next: dict[str, bytes] = {}

    @property
    def complete(self) -> bool:
        """Whether the end of the archive was seen."""
        return self._zeros >= 2

    def feed(self, piece: memoryview | bytes) -> Iterator[Member | Data]:
        data = memoryview(self._held + bytes(piece)) if self._held else memoryview(piece)
        self._held = b""
        place = 0
        while place < len(data) and not self.complete:
            if self._body:
                size = min(self._body, len(data) - place)
                yield from self._took(data[place : place + size])
                self._body -= size
                place += size
                if not self._body and self._meta:
                    self._understand()
            elif self._padding:
                size = min(self._padding, len(data) - place)
                self._padding -= size
                place += size
            elif len(data) - place < _BLOCK:
                self._held = bytes(data[place:])
                return
            else:
                yield from self._begin(bytes(data[place : place + _BLOCK]))
                place += _BLOCK

    def _took(self, data: memoryview) -> Iterator[Data]:
        if self._meta:
            self._meta_body += bytes(data)
        else:
            yield Data(data)

    def _begin(self, block: bytes) -> Iterator[Member]:
        if not any(block):
            self._zeros += 1
            return
        if self._zeros:
            raise _broken("something follows its end")
        fields = _fields.unpack(block)
        checksum = _number(fields[6])
        if checksum != sum(block) - sum(fields[6]) + _SPACES:
            raise _broken("a checksum is wrong")
        kind = fields[7]
        size = _number(fields[4])
        if kind in {_LONG_NAME, _LONG_TARGET, _PAX, _PAX_FOR_ALL}:
            if size > (_LARGEST_PAX if kind in {_PAX, _PAX_FOR_ALL} else _LONGEST_NAME):
                raise _broken("a name is longer than any can be")
            self._meta, self._meta_body = kind, b""
            self._body, self._padding = size, -size % _BLOCK
            if not size:
                self._understand()
            return
        yield self._member(fields, kind, size)

    def _member(self, fields: tuple[bytes, ...], kind: bytes, size: int) -> Member:
        given, self._next = self._next, {}
        name = _text(fields[0])
        if fields[9] == b"ustar\0" and (prefix := _text(fields[15])):
            name = prefix + b"/" + name
        name = given.get("path", name)
        target = given.get("linkpath", _text(fields[8]))
        if "size" in given:
            size = _decimal(given["size"])
        mtime = int(float(given["mtime"])) if _is_decimal(given.get("mtime", b"")) else _number(fields[5])
        path = os.fsdecode(name)
        shown = _KINDS.get(kind, "other")
        if kind in {b"0", b"\0"} and path.endswith("/"):
            shown = "directory"  # as archives older than ustar have it
        self._body = size if shown in {"file", "other"} and kind != b"1" else 0
        self._padding = -self._body % _BLOCK
        while path.startswith("./"):
            path = path[2:].lstrip("/")
        return Member(path.rstrip("/"), shown, self._body, _number(fields[1]) & 0o7777, mtime, os.fsdecode(target))

    def _understand(self) -> None:
        """A head that was about the next member."""
        kind, body, self._meta = self._meta, self._meta_body, b""
        if kind == _LONG_NAME:
            self._next["path"] = body.partition(b"\0")[0]
        elif kind == _LONG_TARGET:
            self._next["linkpath"] = body.partition(b"\0")[0]
        elif kind == _PAX:
            self._next.update(_pax_records(body))


def _pax_records(body: bytes) -> Iterator[tuple[str, bytes]]:
    """`LENGTH KEY=VALUE\\n`, of which LENGTH counts all (POSIX, pax, 4.18.3)."""
    place = 0
    while place < len(body):
        digits, space, _ = body[place : place + 20].partition(b" ")
        end = place + (_decimal(digits) if space else 0)
        record = body[place + len(digits) + 1 : end]
        key, equals, value = record.partition(b"=")
        if end <= place + len(digits) or end > len(body) or not equals or not value.endswith(b"\n"):
            raise _broken("a pax header is malformed")
        name = key.decode(errors="replace")
        if name in {"path", "linkpath", "size", "mtime"}:
            yield name, value[:-1]
        place = end


def _number(field: bytes) -> int:
    """Octal digits, or GNU's base 256."""
    if field[0] & 0x80:
        if field[0] != 0x80:
            raise _broken("a number is negative")
        value = int.from_bytes(field[1:], "big")
        if value >= 1 << 63:
            raise _broken("a number is too large")
        return value
    digits = field.strip(b" \0")
    if not digits:
        return 0
    if digits.strip(b"01234567"):
        raise _broken("a number is none")
    return int(digits, 8)


def _decimal(text: bytes) -> int:
    if not text.isdigit() or len(text) > 18:
        raise _broken("a number is none")
    return int(text)


def _is_decimal(text: bytes) -> bool:
    whole, _, rest = text.partition(b".")
    return whole.isdigit() and len(text) < 40 and (not rest or rest.isdigit())


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _broken(why: str) -> ServerFailure:
    return ServerFailure(f"the archive from the host is broken: {why}")
