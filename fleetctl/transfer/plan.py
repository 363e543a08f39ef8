"""What is to be done to make a destination like a source: pure decisions, the same for put and get."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal

import msgspec

from fleetctl.errors import FleetError, WrongKind
from fleetctl.transfer.choices import Choices
from fleetctl.transfer.tree import Entry, Kind

Act = Literal["make", "move", "link", "keep", "refuse"]


class Present(msgspec.Struct, frozen=True, gc=False):
    """What stands at a place of the destination already."""

    kind: Kind
    size: int = 0
    mtime: int = 0
    mode: int = 0
    owner: tuple[int, int] | None = None
    target: str = ""


class Step(msgspec.Struct, frozen=True, gc=False):
    """One entry, and what becomes of it.

    Args:
        mode: permission bits it is to have.
        exact: they are to be exactly so, whatever the umask there says.
        replaced: what it takes the place of.
        why: the reason for which it is refused.
    """

    act: Act
    entry: Entry
    mode: int = 0
    exact: bool = False
    replaced: Present | None = None
    why: FleetError | None = None


def plan(
    entries: Iterable[Entry],
    present: Mapping[str, Present],
    choices: Choices,
    mode: int | None,
    same: Callable[[Entry], bool],
    shown: Callable[[str], str],
) -> list[Step]:
    """A step for each entry, in their order.

    Args:
        present: what is at the destination, by the entry's path.
        shown: the place that an entry's path has at the destination, for people.
        mode: permission bits for all files; None leaves them as they are.
        same: whether the content of a file is the same, its size being so; asked with `checksum` alone.
    """
    steps = []
    for entry in entries:
        there = present.get(entry.path)
        why = "" if there is None else _hindrance(entry, there, shown)
        refused = Step("refuse", entry, why=WrongKind(why)) if why else None
        steps.append(refused or _step(entry, there, choices, mode, same))
    return steps


def _hindrance(entry: Entry, there: Present, shown: Callable[[str], str]) -> str:
    """Why an entry cannot take the place of what is there, "" when it can."""
    if entry.kind == "directory":
        return "" if there.kind == "directory" else f"{shown(entry.path)} is there, and no directory"
    if there.kind == "directory":
        return f"cannot replace the directory {shown(entry.path)} by a {entry.kind}"
    return f"{shown(entry.path)} is a device, socket or pipe" if there.kind == "other" else ""


def of_same_size(entries: Iterable[Entry], present: Mapping[str, Present]) -> list[Entry]:
    """The files that are there already with the size they have: their content may be the same."""
    return [
        entry
        for entry in entries
        if entry.kind == "file"
        and (there := present.get(entry.path)) is not None
        and there.kind == "file"
        and there.size == entry.size
    ]


def is_within(path: str, directories: set[str]) -> bool:
    """Whether a path is in one of some directories."""
    return bool(directories) and any(path.startswith(f"{directory}/") for directory in directories)


def _step(
    entry: Entry, there: Present | None, choices: Choices, mode: int | None, same: Callable[[Entry], bool]
) -> Step:
    if entry.kind == "directory":
        return _directory(entry, there, choices)
    if entry.kind == "link":
        kept = there is not None and there.kind == "link" and there.target == entry.target
        return Step("keep" if kept else "link", entry, replaced=there)
    if there is not None and there.kind == "file" and _unchanged(entry, there, choices, same):
        return Step("keep", entry, replaced=there)
    bits, exact = _mode(entry, there, choices, mode)
    return Step("move", entry, bits, exact, replaced=there)


def _directory(entry: Entry, there: Present | None, choices: Choices) -> Step:
    if there is None:
        return Step("make", entry, entry.mode if choices.preserve else entry.mode & 0o777, choices.preserve)
    return Step("keep", entry, entry.mode, replaced=there)


def _unchanged(entry: Entry, there: Present, choices: Choices, same: Callable[[Entry], bool]) -> bool:
    if entry.size != there.size:
        return False
    if choices.checksum:
        return same(entry)
    return choices.update and entry.mtime == there.mtime


def _mode(entry: Entry, there: Present | None, choices: Choices, mode: int | None) -> tuple[int, bool]:
    """As scp has it: a new file gets the bits of its source, less what the umask there takes; a replaced one's stay."""
    if mode is not None:
        return mode, True
    if choices.preserve:
        return entry.mode, True
    if there is not None and there.kind == "file":
        return there.mode & 0o777, True
    return entry.mode if entry.mode <= 0o777 else entry.mode & 0o777, False
