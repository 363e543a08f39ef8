"""How SFTP version 3 writes things (draft-ietf-secsh-filexfer-02): numbers, strings, attributes, failures."""

from __future__ import annotations

import os
import struct
from typing import Literal

import msgspec

from fleetctl.errors import AccessDenied, NoSpace, NoSuchFile, ServerFailure, TransferError

INIT, VERSION_REPLY = 1, 2
OPEN, CLOSE, READ, WRITE, LSTAT, FSTAT, SETSTAT, FSETSTAT, OPENDIR, READDIR = range(3, 13)
REMOVE, MKDIR, RMDIR, REALPATH, STAT, RENAME, READLINK, SYMLINK = range(13, 21)
EXTENDED = 200
STATUS, HANDLE, DATA, NAME, ATTRS = range(101, 106)
EXTENDED_REPLY = 201

OK, EOF, NO_SUCH_FILE, PERMISSION_DENIED = range(4)
UNSUPPORTED = 8

HAS_SIZE, HAS_OWNER, HAS_MODE, HAS_TIMES, HAS_MORE = 1, 2, 4, 8, 0x80000000

u32 = struct.Struct(">I")
u64 = struct.Struct(">Q")


class Attributes(msgspec.Struct, frozen=True, gc=False):
    """What a server tells of a file; None where it does not."""

    size: int | None = None
    uid: int | None = None
    gid: int | None = None
    mode: int | None = None
    mtime: int | None = None

    @property
    def kind(self) -> Literal["file", "directory", "link", "other"]:
        """`file`, `directory`, `link` or `other` (stat(2): S_IFMT)."""
        return _KINDS.get((self.mode or 0) & 0o170000, "other")

    @property
    def permissions(self) -> int:
        return (self.mode or 0) & 0o7777


_KINDS: dict[int, Literal["file", "directory", "link"]] = {0o100000: "file", 0o040000: "directory", 0o120000: "link"}


def failure(answer: memoryview, what: str) -> TransferError | None:
    status = code(answer)
    if status == OK:
        return None
    if status == NO_SUCH_FILE:
        return NoSuchFile(f"cannot {what}: no such file or directory")
    if status == PERMISSION_DENIED:
        return AccessDenied(f"cannot {what}: permission denied")
    text = bytes(take_string(answer, 4)[0]).decode(errors="replace") if len(answer) >= 8 else ""
    if "no space" in text.lower() or "quota" in text.lower():
        return NoSpace(f"cannot {what}: {text.lower()}")
    if status == UNSUPPORTED:
        return ServerFailure(f"cannot {what}: the server cannot do that", status=status)
    return ServerFailure(f"cannot {what}: the server says {text or status!r}", status=status)


def code(answer: memoryview) -> int:
    return int(u32.unpack_from(answer, 0)[0])


def string(text: str) -> bytes:
    return packed(os.fsencode(text))


def packed(data: bytes) -> bytes:
    return u32.pack(len(data)) + data


def take_string(data: memoryview, place: int) -> tuple[memoryview, int]:
    (size,) = u32.unpack_from(data, place)
    end = place + 4 + size
    if end > len(data):
        raise ServerFailure("the SFTP server sent a broken answer")
    return data[place + 4 : end], end


def attributes(
    *,
    mode: int | None = None,
    owner: tuple[int, int] | None = None,
    mtime: int | None = None,
) -> bytes:
    """Section 5 of the draft; the two times go together, and so do user and group."""
    flags = (HAS_OWNER if owner else 0) | (HAS_MODE if mode is not None else 0)
    flags |= HAS_TIMES if mtime is not None else 0
    packed = u32.pack(flags)
    if owner:
        packed += struct.pack(">II", *owner)
    if mode is not None:
        packed += u32.pack(mode)
    if mtime is not None:
        seconds = min(max(mtime, 0), 0xFFFF_FFFF)
        packed += struct.pack(">II", seconds, seconds)
    return packed


def take_attributes(data: memoryview, place: int) -> tuple[Attributes, int]:
    (flags,) = u32.unpack_from(data, place)
    place += 4
    size = uid = gid = mode = mtime = None
    if flags & HAS_SIZE:
        (size,) = u64.unpack_from(data, place)
        place += 8
    if flags & HAS_OWNER:
        uid, gid = struct.unpack_from(">II", data, place)
        place += 8
    if flags & HAS_MODE:
        (mode,) = u32.unpack_from(data, place)
        place += 4
    if flags & HAS_TIMES:
        (mtime,) = u32.unpack_from(data, place + 4)
        place += 8
    if flags & HAS_MORE:
        (count,) = u32.unpack_from(data, place)
        place += 4
        for _ in range(2 * count):
            _, place = take_string(data, place)
    return Attributes(size, uid, gid, mode, mtime), place
