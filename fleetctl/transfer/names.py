"""Names that come from a server: which are refused, and how paths are put together."""

from __future__ import annotations

import re
from itertools import takewhile

from fleetctl.errors import NameRefused

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

_DEVICES = {"con", "prn", "aux", "nul", *(f"{kind}{n}" for kind in ("com", "lpt") for n in range(1, 10))}
"""What opens a device instead of a file where a share or a copy ends up on Windows."""


def checked(name: str) -> str:
    """One component of a path, as it came. Raises: NameRefused for what could lead elsewhere or deceive."""
    if name in {"", ".", ".."} or "/" in name or "\0" in name:
        raise NameRefused(f"the server lists a name that leads elsewhere: {name!r}")
    if _CONTROL.search(name):
        raise NameRefused(f"the server lists a name with control characters: {name!r}")
    if name.lower() in _DEVICES:
        raise NameRefused(f"the server lists the name of a device: {name!r}")
    return name


def join(directory: str, name: str) -> str:
    if not directory or not name:
        return directory or name
    return f"{directory}{name}" if directory.endswith("/") else f"{directory}/{name}"


def parent(path: str) -> str:
    """The directory that a path is in; "" for the one where the session begins."""
    head, slash, _ = path.rstrip("/").rpartition("/")
    return head or slash


def base(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def is_contents(word: str) -> bool:
    """Whether a source that was named so stands for what is in a directory, as rsync has it: `dir/`, `.` and `..`."""
    return word.endswith("/") or word == "~" or base(word) in {".", ".."}


def stays_inside(path: str, target: str) -> bool:
    """Whether a link at `path`, relative to the top of a tree, leads to something in that tree."""
    if target.startswith("/"):
        return False
    steps = [part for part in target.split("/") if part not in {"", "."}]
    up = len([*takewhile(lambda part: part == "..", steps)])
    # After a name, `..` may lead anywhere: the name may be a link itself.
    return up <= path.count("/") and ".." not in steps[up:]
