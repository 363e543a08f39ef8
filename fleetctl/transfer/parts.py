"""Names of unfinished files: beside the file that they are to become, and bearing what they are a part of.

`.app.tar.1048576-1764050000.5f3c9a1e.part` is a part of `app.tar` as it was with that size and modification time. The
last number is of one transfer alone, so that two at once never write to the same file; its first half is the same
in all parts of one run, which leaves alone what it has under way elsewhere: two of its hosts may be one machine.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import secrets

_LONGEST_NAME = 255
_LONGEST_TAIL = 60
_RUN = secrets.token_hex(2)
_numbers = itertools.count(secrets.randbelow(0x10000))
_PART = re.compile(r"(\.[0-9]+-[0-9]+)\.[0-9a-f]{8}\.part")


def part_name(name: str, size: int, mtime: int) -> str:
    """A new name for a part of the file `name` that had this size and modification time."""
    return f"{_stem(name)}.{size}-{max(0, mtime)}.{_RUN}{next(_numbers) & 0xFFFF:04x}.part"


def part_directory(name: str) -> str:
    """A new name for a directory that is to become `name` when it is complete."""
    return part_name(name, 0, 0)


def is_part(candidate: str, name: str) -> bool:
    """Whether it is a part of any state of the file `name`."""
    stem = _stem(name)
    return candidate.startswith(stem) and _PART.fullmatch(candidate, len(stem)) is not None


def is_any_part(candidate: str) -> bool:
    """Whether it looks like a part of some file: such are never moved and never deleted."""
    return candidate.startswith(".") and _PART.search(candidate) is not None and candidate.endswith(".part")


def is_whole(part: str, size: int) -> bool:
    """Whether a part of this size is all of its file."""
    return part.split(".")[-3].startswith(f"{size}-")


def is_of_this_run(part: str) -> bool:
    """Whether it may be under way just now."""
    return part.endswith(".part") and part[-13:-9] == _RUN


def is_part_of(candidate: str, name: str, size: int, mtime: int) -> bool:
    """Whether it is a part of the file as it was with this size and modification time, and of nothing else."""
    stem = _stem(name)
    match = _PART.fullmatch(candidate, len(stem)) if candidate.startswith(stem) else None
    return match is not None and match[1] == f".{size}-{max(0, mtime)}"


def _stem(name: str) -> str:
    """`.name`; a long one is cut, and told from others by its digest (NAME_MAX is 255 bytes)."""
    raw = os.fsencode(name)
    if 1 + len(raw) + _LONGEST_TAIL <= _LONGEST_NAME:
        return f".{name}"
    digest = hashlib.sha256(raw).hexdigest()[:16]
    return os.fsdecode(b"." + raw[: _LONGEST_NAME - _LONGEST_TAIL - 20]) + f".{digest}"
