"""What broken transfers left on a host: what can be gone on from, and what is nobody's any more.

Another transfer may be writing to a part just now. Its modification time tells, held against the clock over there:
that of a file which is made for it. What comes so young that it may be in use is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from fleetctl.cancel import Cancel
from fleetctl.errors import TransferError
from fleetctl.ssh.sftp.client import CREATE, EXCLUSIVE, WRITE, Sftp, Steps
from fleetctl.ssh.sftp.format import Attributes
from fleetctl.transfer.names import base, join, parent
from fleetctl.transfer.parts import is_part_of, part_name
from fleetctl.transfer.remote import WIDTH, look_at_link
from fleetctl.transfer.survey import Part
from fleetctl.transfer.tree import Entry
from fleetctl.transfer.upload import RESUME_MARGIN

_QUIET = 5
"""Seconds without a write after which --resume goes on from a part."""
_DEAD = 120
"""Seconds without a write after which a part is removed."""
_DEAD_DIRECTORY = 24 * 3600
"""The same for a directory, whose time does not tell of what goes on further below."""
_WRITABLE = 0o200
_ALL = 0o777

Parts = dict[str, list[Part]]


class Leftovers(msgspec.Struct, frozen=True):
    """By the entries' paths.

    Args:
        usable: to go on from.
        dead: to be removed.
        mask: permission bits that the umask there leaves to a new file.
    """

    usable: Parts = msgspec.field(default_factory=dict)
    dead: Parts = msgspec.field(default_factory=dict)
    mask: int = _ALL


def sort_out(
    sftp: Sftp,
    parts: Parts,
    files: Mapping[str, Entry],
    target: Callable[[str], str],
    cancel: Cancel,
) -> Leftovers:
    """Judge the parts that a survey found.

    Args:
        files: those that may be gone on with; waits until it is clear whether somebody else does.
        target: the place of an entry's path on the host.
    """
    if not parts:
        return Leftovers()
    probe = sftp.run(_probed(sftp, target(next(iter(parts)))))
    if probe is None or probe.mtime is None:
        return Leftovers()
    now = probe.mtime
    dead = {path: [part for part in mine if now - part.mtime > _patience(part)] for path, mine in parts.items()}
    usable = [
        (path, part)
        for path, mine in parts.items()
        for part in mine
        if path in files and _holds(part, files[path], base(target(path)))
    ]
    if any(now - part.mtime < _QUIET for _, part in usable):
        cancel.wait(_QUIET)
        usable = [found for found in sftp.drive((_still(sftp, *one, target) for one in usable), WIDTH) if found]
    sorted_out = Leftovers(dead=dead, mask=probe.permissions)
    for path, part in usable:
        sorted_out.usable.setdefault(path, []).append(part)
    return sorted_out


def take_over(sftp: Sftp, found: Leftovers, entry: Entry, target: str, part: str, mode: int) -> Steps[int]:
    """Give the largest part of exactly this file the name of ours, and the mode that ours would have.

    Returns: where to go on; 0 when there is none.
    """
    old = max(found.usable.get(entry.path, ()), key=lambda one: one.size, default=None)
    if old is None:
        return 0
    renamed = sftp.rename(join(parent(target), old.name), part)
    yield renamed
    try:
        sftp.expect_ok(renamed)
        changed = sftp.setstat(part, mode=(mode | _WRITABLE) & (found.mask | _WRITABLE))
        yield changed
        sftp.expect_ok(changed)
    except TransferError:
        yield sftp.remove(part)  # another transfer has taken it, or it is not ours to change
        return 0
    return _begin(old, entry)


def _patience(part: Part) -> int:
    return _DEAD_DIRECTORY if part.kind == "directory" else _DEAD


def _holds(part: Part, entry: Entry, name: str) -> bool:
    """Whether it is a beginning of exactly this file, and worth going on from."""
    return part.kind == "file" and _begin(part, entry) > 0 and is_part_of(part.name, name, entry.size, entry.mtime)


def _begin(part: Part, entry: Entry) -> int:
    return max(0, min(part.size, entry.size) - RESUME_MARGIN)


def _still(sftp: Sftp, path: str, part: Part, target: Callable[[str], str]) -> Steps[tuple[str, Part] | None]:
    """The same, unless it was changed or has gone since the survey."""
    try:
        now = yield from look_at_link(sftp, join(parent(target(path)), part.name))
    except TransferError:
        return None
    return (path, part) if now is not None and (now.size, now.mtime) == (part.size, part.mtime) else None


def _probed(sftp: Sftp, target: str) -> Steps[Attributes | None]:
    """What a file looks like that is made beside the target; it is removed again."""
    path = join(parent(target), part_name(base(target), 0, 0))
    opened = sftp.open(path, WRITE | CREATE | EXCLUSIVE, _ALL)
    yield opened
    try:
        handle = sftp.handle(opened)
    except TransferError:
        return None
    looked = sftp.fstat(handle, path)
    yield looked
    yield sftp.close(handle, path)
    yield sftp.remove(path)
    try:
        return sftp.attributes(looked)
    except TransferError:
        return None
