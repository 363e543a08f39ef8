"""Ready-made hooks for the Behaviour of an SFTP server: one thing that goes wrong each, to be combined freely."""

from __future__ import annotations

import itertools
import os
import re
import struct
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal

from tests.support.sftp.behaviour import Before, Behaviour, Bend, ConnectionEnds, SessionEnds
from tests.support.sftp.wire import DATA, FAILURE, NO_SUCH_FILE, Named, Request, Status, named

# Whole behaviours


def old(*, too_long_fails: bool = False) -> Behaviour:
    """Version 3 without any extension, with packets of 34,000 bytes at most and reads of 32 KiB, as the draft asks."""
    too_long: Literal["ends", "fails"] = "fails" if too_long_fails else "ends"
    return Behaviour(extensions=(), largest_packet=34_000, largest_read=32 * 1024, too_long=too_long)


def endless_depth(name: str = "again") -> Behaviour:
    """Every directory has a subdirectory `name` that is the directory once more; none of them is a link."""

    def where(path: str) -> str:
        return re.sub(rf"(^|/)(?:{re.escape(name)}(?:/|$))+", r"\1", path) or "."

    return Behaviour(where=where, names=lists(named(name, 0o040000)))


# What a directory lists


def lists(*more: Named) -> Callable[[str, Iterable[Named]], Iterable[Named]]:
    """`more` in every directory; give the server a `bait` so that a client which falls for them has something."""

    def names(path: str, entries: Iterable[Named]) -> Iterable[Named]:
        return itertools.chain(entries, more)

    return names


def endless_listing(path: str, entries: Iterable[Named]) -> Iterator[Named]:
    """Files that never end."""
    yield from entries
    for number in itertools.count():
        yield named(f"file-{number:09}")


# What is asked before a request is done


def fails(kind: str, status: Status = FAILURE, *, turn: int = 1, beyond: int = 0, path: str = "") -> Before:
    """Requests of a kind fail.

    Args:
        turn: the first of this kind that does, of all that the server sees.
        beyond: only if they reach beyond this offset of a file.
        path: only if their path ends in this.
    """

    def before(request: Request) -> Status | None:
        meant = request.kind == kind and request.turn >= turn and request.path.endswith(path)
        return status if meant and (not beyond or request.offset + request.length > beyond) else None

    return before


def vanishes(beyond: int) -> Before:
    """A file is gone once it is read beyond this offset."""
    return fails("read", NO_SUCH_FILE, beyond=beyond)


def resizes(file: Path, size: int, *, beyond: int = 0) -> Before:
    """`file` has `size` bytes from the first read on that reaches beyond the offset."""

    def before(request: Request) -> None:
        if request.kind == "read" and request.offset + request.length > beyond:
            os.truncate(file, size)

    return before


def hangs_up(*, moved: int = 0, nth: int = 0, kind: str = "", session_only: bool = False) -> Before:
    """Ends the connection instead of doing a request.

    Args:
        moved: not before reads have asked for and writes have brought so many bytes, this request included.
        nth: not before this request, of all that the server sees.
        kind: only at a request of this kind.
        session_only: the connection stays, and the channel ends.
    """

    def before(request: Request) -> None:
        if request.moved + request.length >= moved and request.nth >= nth and kind in {"", request.kind}:
            raise SessionEnds if session_only else ConnectionEnds

    return before


# What becomes of an answer


def on(kind: str, bend: Callable[[bytes], bytes], turn: int = 1) -> Bend:
    """Bend the answers to requests of a kind, from the one with this turn on."""
    return lambda request, answer: bend(answer) if request.kind == kind and request.turn >= turn else answer


def stops_answering(after: int) -> Bend:
    """Takes further requests, and answers none of them."""
    return lambda request, answer: answer if request.nth <= after else b""


def wrong_id(answer: bytes) -> bytes:
    return answer[:5] + struct.pack(">I", 0xDEAD_BEEF) + answer[9:]


def unasked(answer: bytes) -> bytes:
    """The answer, and one with an id that nobody asked for."""
    return answer + wrong_id(answer)


def twice(answer: bytes) -> bytes:
    return answer * 2


def unknown_type(answer: bytes) -> bytes:
    return answer[:4] + b"\xc9" + answer[5:]


def huge_length(answer: bytes) -> bytes:
    """A packet of 4 GiB is announced."""
    return b"\xff\xff\xff\xff" + answer[4:]


def no_length(answer: bytes) -> bytes:
    """A packet without anything in it, not even a type."""
    return bytes(4)


def cut_short(answer: bytes) -> bytes:
    """The packet ends two bytes early, and its length says so: what is in it is incomplete."""
    return struct.pack(">I", len(answer) - 6) + answer[4:-2]


def more_than_asked(answer: bytes) -> bytes:
    """Data with 1,000 bytes more than there are."""
    if answer[4] != DATA:
        return answer
    data = answer[13:] + b"!" * 1000
    return struct.pack(">IB", len(data) + 9, DATA) + answer[5:9] + struct.pack(">I", len(data)) + data
