"""What stands at a destination on a host already, seen through SFTP in as few round trips as it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec

from fleetctl.errors import NoSuchFile, TransferError
from fleetctl.ssh.sftp.client import Sftp, Steps
from fleetctl.ssh.sftp.format import Attributes
from fleetctl.transfer.names import base, join, parent
from fleetctl.transfer.parts import is_any_part, is_of_this_run, is_part
from fleetctl.transfer.plan import Present, is_within
from fleetctl.transfer.remote import WIDTH, Names, listing, look, look_at_link
from fleetctl.transfer.tree import Entry, Kind


class Part(NamedTuple):
    """What is unfinished: a file, or a directory that tar was to fill."""

    name: str
    size: int
    mtime: int
    kind: Kind


class Survey(msgspec.Struct):
    """What is at the destination, by the path that an entry has in its tree.

    Args:
        parts: what other transfers left or have under way, by the path of the entry that they are parts of.
        others: in the directories that were listed, what no entry stands for; nothing that lies behind a link.
    """

    present: dict[str, Present] = msgspec.field(default_factory=dict)
    parts: dict[str, list[Part]] = msgspec.field(default_factory=dict)
    others: dict[str, Kind] = msgspec.field(default_factory=dict)


def survey(sftp: Sftp, entries: Sequence[Entry], target: Callable[[str], str], *, inside: bool, most: int) -> Survey:
    """Look at what entries would meet.

    Args:
        most: names in a directory that is looked through for parts alone.
        target: the place of an entry's path on the host.
        inside: the tree's own top is a directory that is there, and has the entries' tops as its contents.

    Raises: TransferError where a directory cannot be read.
    """
    seen = Survey()
    parts: dict[str, list[Part]] = {}
    directories = {entry.path for entry in entries if entry.kind == "directory"}
    alone = [] if inside else [entry for entry in entries if parent(entry.path) not in directories]
    for path, attributes in sftp.drive([_one(sftp, entry.path, target(entry.path)) for entry in alone], WIDTH):
        if attributes is not None:
            seen.present[path] = _present(attributes)
    absent = {entry.path for entry in alone if entry.path not in seen.present}
    listed = [path for path in sorted(directories) if not inside and _top(path) not in absent]
    wanted = {entry.path for entry in entries}
    listed = ["", *sorted(directories)] if inside else listed
    for path, names in sftp.drive([_contents(sftp, path, target(path)) for path in listed], WIDTH):
        for name, attributes in names:
            _sort_in(seen, parts, join(path, name), attributes, wanted)
    _look_for_parts(sftp, parts, alone, target, most)
    linked = {path for path in directories if path in seen.present and seen.present[path].kind == "link"}
    seen.others = {path: kind for path, kind in seen.others.items() if not is_within(path, linked)}
    _resolve_links(sftp, seen, entries, target)
    _assign_parts(seen, parts, entries, target)
    return seen


def _top(path: str) -> str:
    return path.partition("/")[0]


def _contents(sftp: Sftp, path: str, place: str) -> Steps[tuple[str, Names]]:
    try:
        names = yield from listing(sftp, place)
    except NoSuchFile:
        return path, []
    return path, names


def _one(sftp: Sftp, path: str, place: str) -> Steps[tuple[str, Attributes | None]]:
    attributes = yield from look_at_link(sftp, place)
    return path, attributes


def _sort_in(seen: Survey, parts: dict[str, list[Part]], path: str, attributes: Attributes, wanted: set[str]) -> None:
    if path in wanted:
        seen.present[path] = _present(attributes)
    elif is_any_part(base(path)):
        parts.setdefault(parent(path), []).append(_part(base(path), attributes))
    else:
        seen.others[path] = _present(attributes).kind


def parts_of(sftp: Sftp, target: str, most: int) -> list[Part]:
    """The parts of one thing that other runs left, or have under way; `most` as in `survey`."""
    _, names = sftp.run(_few(sftp, "", parent(target) or ".", most))
    return _of([_part(name, found) for name, found in names], base(target))


def _part(name: str, found: Attributes) -> Part:
    return Part(name, found.size or 0, found.mtime or 0, found.kind)


def _of(parts: Iterable[Part], name: str) -> list[Part]:
    return [part for part in parts if is_part(part.name, name) and not is_of_this_run(part.name)]


def _look_for_parts(
    sftp: Sftp, parts: dict[str, list[Part]], entries: Sequence[Entry], target: Callable[[str], str], most: int
) -> None:
    """Beside what goes into a directory which was not listed."""
    places = {parent(entry.path): parent(target(entry.path)) or "." for entry in entries}
    for path, names in sftp.drive([_few(sftp, path, place, most) for path, place in places.items()], WIDTH):
        parts[path] = [_part(name, found) for name, found in names if is_any_part(name)]


def _few(sftp: Sftp, path: str, place: str, most: int) -> Steps[tuple[str, Names]]:
    try:
        names = yield from listing(sftp, place, most)
    except TransferError:
        return path, []  # it may be one that can be written to and not read
    return path, names


def _assign_parts(
    seen: Survey, parts: dict[str, list[Part]], entries: Iterable[Entry], target: Callable[[str], str]
) -> None:
    if not any(parts.values()):
        return
    for entry in entries:
        name = base(target(entry.path))
        mine = _of(parts.get(parent(entry.path), ()), name)
        if mine:
            seen.parts[entry.path] = mine


def _resolve_links(sftp: Sftp, seen: Survey, entries: Sequence[Entry], target: Callable[[str], str]) -> None:
    """What a link there says, where a link is to be; whether it leads to a directory, where one is to be."""
    works = []
    for entry in entries:
        there = seen.present.get(entry.path)
        if there is not None and there.kind == "link" and entry.kind in {"link", "directory"}:
            works.append(_resolved(sftp, entry, target(entry.path)))
    for path, found in sftp.drive(works, WIDTH):
        if found is not None:
            seen.present[path] = found


def _resolved(sftp: Sftp, entry: Entry, place: str) -> Steps[tuple[str, Present | None]]:
    if entry.kind == "directory":
        attributes = yield from look(sftp, place)
        return entry.path, None if attributes is None else _present(attributes)
    ticket = sftp.readlink(place)
    yield ticket
    try:
        return entry.path, Present("link", target=sftp.name(ticket))
    except TransferError:
        return entry.path, None


def _present(attributes: Attributes) -> Present:
    return Present(
        attributes.kind,
        attributes.size or 0,
        attributes.mtime or 0,
        attributes.permissions,
        None if attributes.uid is None or attributes.gid is None else (attributes.uid, attributes.gid),
    )
