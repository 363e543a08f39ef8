"""One file to a host over SFTP: written under a temporary name with many requests under way, then put in place."""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Callable

import msgspec

from fleetctl.errors import AccessDenied, FleetError, NoSpace, ServerFailure, SourceChanged, TooMuch, TransferError
from fleetctl.ssh.sftp.client import CREATE, EXCLUSIVE, WRITE, Sftp, Steps, Ticket
from fleetctl.ssh.stream.pieces import FileRange
from fleetctl.transfer.local import identity
from fleetctl.transfer.names import base, join, parent
from fleetctl.transfer.parts import part_name
from fleetctl.transfer.plan import Step
from fleetctl.transfer.shared import Pace
from fleetctl.transfer.system import local
from fleetctl.transfer.tree import Entry

_LARGEST_UNSIZED = 64 * 1024 * 1024
_WRITABLE = 0o200
_NEAR = 1024 * 1024
"""Bytes that are sent and not yet answered, to a server that answers at once. OpenSSH keeps what it has not written
yet in one buffer, moves all of it when a packet is added, and gets it from the system anew each time it grows: 2 MiB
for each of 20 hosts, which is its window, cost half as much CPU again as the transfer."""
_FAR = 4 * 1024 * 1024
_RATE = 500_000_000
"""Bytes per second that a server far away may take, and we can send."""
RESUME_MARGIN = 8 * 1024 * 1024
"""What may not have been written in order before a transfer broke off: more than is ever under way."""


class Sending(msgspec.Struct, frozen=True):
    """A file on its way.

    Args:
        target: the path that it is to have on the host.
        part: where it is written.
        begin: how many bytes an earlier transfer had brought there.
        owner: user and group by number, or None to leave them.
        mtime: to be set, or None.
    """

    step: Step
    target: str
    part: str
    begin: int = 0
    owner: tuple[int, int] | None = None
    mtime: int | None = None


def new_part(entry: Entry, target: str) -> str:
    return join(parent(target), part_name(base(target), entry.size, entry.mtime))


def open_source(entry: Entry) -> int:
    """A descriptor to read a local file from, for the caller to close. Raises: TransferError, SourceChanged."""
    with local(f"read {entry.origin}"):
        descriptor = os.open(entry.origin, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        check_still(entry, descriptor)
    except FleetError:
        os.close(descriptor)
        raise
    return descriptor


def check_still(entry: Entry, descriptor: int) -> None:
    """It may have grown, as logs do: what was there when the run began is sent. Raises: SourceChanged.

    Another file that has taken its place is no growth, though it be larger.
    """
    with local(f"read {entry.origin}"):
        now = os.fstat(descriptor)
    if stat.S_ISREG(now.st_mode) and not now.st_size and not entry.size:
        return  # files in /proc change with every look
    if now.st_size > entry.size:
        same = entry.identity in {0, identity(now)}
    else:
        same = now.st_size == entry.size and int(now.st_mtime) == entry.mtime
    if not stat.S_ISREG(now.st_mode) or not same:
        raise SourceChanged(f"{entry.origin} was changed since the run began", hint="run it again")


def upload(sftp: Sftp, sending: Sending, pace: Pace, moved: Callable[[int], None]) -> Steps[TransferError | None]:
    """Write all of a file to its part. Returns: why it failed; the part is removed then, unless it may be resumed.

    Args:
        pace: how fast bytes may go.
        moved: told of bytes that the server has.
    """
    try:
        descriptor = open_source(sending.step.entry)
    except TransferError as error:
        return error
    try:
        yield from _written(sftp, sending, descriptor, pace, moved)
    except TransferError as error:
        reason = yield from _reason(sftp, sending, error)
        yield sftp.remove(sending.part)  # its own failure would tell nothing new
        return reason
    finally:
        os.close(descriptor)
    return None


def _reason(sftp: Sftp, sending: Sending, error: TransferError) -> Steps[TransferError]:
    """OpenSSH calls a full disk a failure like any other."""
    if not isinstance(error, ServerFailure) or not sftp.tells_space:
        return error
    ticket = sftp.file_system(parent(sending.part) or ".")
    yield ticket
    try:
        full = sftp.free(ticket) < sending.step.entry.size
    except TransferError:
        return error
    if not full:
        return error
    return NoSpace(f"cannot write {sending.target}: no space left there", hint="make room, then run it again")


def _written(sftp: Sftp, sending: Sending, descriptor: int, pace: Pace, moved: Callable[[int], None]) -> Steps[None]:
    entry, shown = sending.step.entry, sending.target
    flags = WRITE if sending.begin else WRITE | CREATE | EXCLUSIVE
    opened = sftp.open(sending.part, flags, sending.step.mode | _WRITABLE, shown=shown)
    yield opened
    try:
        handle = sftp.handle(opened)
    except AccessDenied as error:
        error.hint = f"a new file takes its place: may the user write to the directory {parent(shown) or '~'}?"
        raise
    try:
        under_way: deque[tuple[Ticket, FileRange | None]] = deque()
        place = sending.begin
        most = max(1, int(min(_NEAR + sftp.round_trip * _RATE, _FAR)) // sftp.largest_write)
        while place < entry.size:
            size = pace.take_next(min(sftp.largest_write, entry.size - place), sftp, under_way=bool(under_way))
            if size:
                data = FileRange(descriptor, place, size)
                under_way.append((sftp.write(handle, place, data, shown), data))
                place += size
            if not size or len(under_way) >= most:
                yield from _confirmed(sftp, under_way, entry, moved)
        if not entry.size:
            yield from _unsized(sftp, handle, sending, descriptor, moved)
        check_still(entry, descriptor)
        yield from _keep_owner(sftp, handle, sending)
        yield from _keep_closed(sftp, handle, sending)
        under_way += [(ticket, None) for ticket in _attributes(sftp, handle, sending)]
        while under_way:
            yield from _confirmed(sftp, under_way, entry, moved)
    except TransferError:
        yield sftp.close(handle, shown)
        raise
    closed = sftp.close(handle, shown)
    yield closed
    sftp.expect_ok(closed)


def _unsized(sftp: Sftp, handle: bytes, sending: Sending, descriptor: int, moved: Callable[[int], None]) -> Steps[None]:
    """What says it is empty may not be, as files in /proc are: to its end, wherever that is."""
    entry = sending.step.entry
    place = 0
    while place < _LARGEST_UNSIZED:
        with local(f"read {entry.origin}"):
            data = os.pread(descriptor, sftp.largest_write, place)
        if not data:
            return
        ticket = sftp.write(handle, place, memoryview(data), sending.target)
        yield ticket
        sftp.expect_ok(ticket)
        moved(len(data))
        place += len(data)
    raise TooMuch(f"{entry.origin} says it is empty, and does not end")


def _keep_owner(sftp: Sftp, handle: bytes, sending: Sending) -> Steps[None]:
    """A file that replaces another belongs to whom that belonged, where we may give it away: root may."""
    replaced = sending.step.replaced
    if sending.owner is None and replaced is not None and replaced.kind == "file" and replaced.owner is not None:
        yield sftp.fsetstat(handle, sending.part, owner=replaced.owner)  # refused to anybody else


def _keep_closed(sftp: Sftp, handle: bytes, sending: Sending) -> Steps[None]:
    """Nobody may write to it who may not at its source: the part had to be open to its owner."""
    if sending.step.exact or sending.step.mode & _WRITABLE:
        return
    looked = sftp.fstat(handle, sending.target)
    yield looked
    left = sftp.attributes(looked).permissions & ~_WRITABLE
    yield from _ok(sftp, sftp.fsetstat(handle, sending.target, mode=left))


def _attributes(sftp: Sftp, handle: bytes, sending: Sending) -> list[Ticket]:
    """The owner first: a change of owner may take set-user-id bits away (chown(2))."""
    step, shown = sending.step, sending.target
    asked = []
    if sending.owner is not None:
        asked.append(sftp.fsetstat(handle, shown, owner=sending.owner))
    if step.exact:
        asked.append(sftp.fsetstat(handle, shown, mode=step.mode))
    return asked


def _confirmed(
    sftp: Sftp, under_way: deque[tuple[Ticket, FileRange | None]], entry: Entry, moved: Callable[[int], None]
) -> Steps[None]:
    ticket, data = under_way.popleft()
    yield ticket
    sftp.expect_ok(ticket)
    if data is not None:
        _check_read(data, entry)
        moved(len(data))


def _check_read(data: FileRange, entry: Entry) -> None:
    if isinstance(data.broken, EOFError):
        raise SourceChanged(f"{entry.origin} shrank while it was read", hint="run it again")
    if data.broken is not None:
        with local(f"read {entry.origin}"):
            raise data.broken


def put_in_place(
    sftp: Sftp, part: str, target: str, *, replaces: bool, backup: bool, mtime: int | None = None
) -> Steps[TransferError | None]:
    """Give a part its name, and its time before. Returns: why that failed; the part is removed then.

    Until now its time told that it is under way (see leftovers.py).
    In one step where the server has posix-rename@openssh.com. Elsewhere what stands there goes aside first, which
    leaves a moment without the file, and comes back when the second step fails.
    """
    aside = ""
    try:
        if mtime is not None:
            yield from _ok(sftp, sftp.setstat(part, mtime=mtime))
        if backup and replaces:
            aside = yield from _keep_old(sftp, target)
        if replaces and not aside and not sftp.replaces:
            yield from _exchanged(sftp, part, target)
        else:
            yield from _ok(sftp, _renamed(sftp, part, target))
    except TransferError as error:
        if aside:
            yield _renamed(sftp, aside, target)
        yield sftp.remove(part)
        return error
    return None


def _renamed(sftp: Sftp, old: str, new: str) -> Ticket:
    return sftp.posix_rename(old, new) if sftp.replaces else sftp.rename(old, new)


def _keep_old(sftp: Sftp, target: str) -> Steps[str]:
    """As `name~`: a second name for it where the server can, so that there is no moment without the file.

    Returns: where it went if it could only be renamed, "" otherwise. Raises: TransferError; it is where it was then.
    """
    kept = f"{target}~"
    if sftp.links and sftp.replaces:
        aside = join(parent(target), part_name(base(kept), 0, 0))
        linked = sftp.hard_link(target, aside)
        yield linked
        try:
            sftp.expect_ok(linked)
        except TransferError:
            pass  # Linux lets nobody link what belongs to others (proc(5): protected_hardlinks)
        else:
            named = sftp.posix_rename(aside, kept)
            yield named
            yield sftp.remove(aside)  # rename(2) leaves it where both are the same file already
            sftp.expect_ok(named)
            return ""
    if not sftp.replaces:
        yield sftp.remove(kept)  # it need not be there
    yield from _ok(sftp, _renamed(sftp, target, kept))
    return kept


def _exchanged(sftp: Sftp, part: str, target: str) -> Steps[None]:
    aside = join(parent(target), part_name(base(target), 0, 0))
    moved_aside = sftp.rename(target, aside)
    yield moved_aside
    try:
        sftp.expect_ok(moved_aside)
    except TransferError:
        aside = ""  # gone meanwhile
    try:
        yield from _ok(sftp, sftp.rename(part, target))
    except TransferError:
        if aside:
            yield sftp.rename(aside, target)
        raise
    if aside:
        yield sftp.remove(aside)


def _ok(sftp: Sftp, ticket: Ticket) -> Steps[None]:
    yield ticket
    sftp.expect_ok(ticket)
