"""One file from a host over SFTP: read with many requests under way, and written as it comes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import msgspec

from fleetctl.errors import ServerFailure, SourceChanged, TooMuch, TransferError
from fleetctl.ssh.sftp.client import READ, Sftp, Steps, Ticket
from fleetctl.transfer.landing import Arriving, Landing
from fleetctl.transfer.plan import Step
from fleetctl.transfer.shared import Pace
from fleetctl.transfer.tree import Entry

_UNDER_WAY = 4 * 1024 * 1024
"""Bytes that are asked for and have not come yet."""
_ASKED_AT_ONCE = 4
"""Reads that go out together, in one packet."""
_LARGEST_UNSIZED = 64 * 1024 * 1024
"""Of files that say they are empty and are not, as those in /proc."""

Fetched = tuple[Arriving | None, TransferError | None]
_Read = tuple[Ticket, int, int]
"""Where it begins, and how much was asked for."""


def download(
    sftp: Sftp,
    step: Step,
    landing: Landing,
    pace: Pace,
    moved: Callable[[int], None],
    *,
    resume: bool,
) -> Steps[Fetched]:
    """Read all of a file into a temporary one. Returns: that, or why it failed; it is removed then.

    Args:
        pace: how fast bytes may come.
        moved: told of bytes that were written.
    """
    source = step.entry.origin
    opened = sftp.open(source, READ)
    yield opened
    try:
        handle = sftp.handle(opened)
    except TransferError as error:
        return None, error
    try:
        return (yield from _arrived(sftp, handle, step, landing, pace, moved, resume=resume))
    finally:
        sftp.close(handle, source)


def _arrived(
    sftp: Sftp,
    handle: bytes,
    step: Step,
    landing: Landing,
    pace: Pace,
    moved: Callable[[int], None],
    *,
    resume: bool,
) -> Steps[Fetched]:
    try:
        step, early = yield from _opened(sftp, handle, step, pace)
        arriving = landing.begin(step, resume=resume)
    except TransferError as error:
        return None, error
    try:
        if step.entry.size:
            yield from _sized(sftp, handle, arriving, early, pace, moved)
            size = step.entry.size
        else:
            size = yield from _unsized(sftp, handle, arriving, moved)
        landing.end(arriving, size)
    except TransferError as error:
        landing.drop(arriving, keep=False)
        return None, error
    except BaseException:
        landing.drop(arriving, keep=True)
        raise
    return arriving, None


def _opened(sftp: Sftp, handle: bytes, step: Step, pace: Pace) -> Steps[tuple[Step, deque[_Read]]]:
    """The file as it is now: what was listed may have been replaced. A small one is asked for along with that."""
    entry = step.entry
    early: deque[_Read] = deque()
    if not entry.size:
        return step, early
    looked = sftp.fstat(handle, entry.origin)
    if entry.size <= sftp.largest_read:
        size = pace.take_next(entry.size, sftp, under_way=False)
        early.append((sftp.read(handle, 0, size, entry.origin), 0, size))
    yield looked
    now = sftp.attributes(looked)
    size = entry.size if now.size is None else now.size
    mtime = entry.mtime if now.mtime is None else now.mtime
    if (size, mtime) == (entry.size, entry.mtime):
        return step, early
    if size < entry.size:
        early.clear()
    return msgspec.structs.replace(step, entry=msgspec.structs.replace(entry, size=size, mtime=mtime)), early


def _sized(
    sftp: Sftp,
    handle: bytes,
    arriving: Arriving,
    under_way: deque[_Read],
    pace: Pace,
    moved: Callable[[int], None],
) -> Steps[None]:
    """As many bytes as it had when it was opened: a log that grows meanwhile is whole up to there."""
    entry = arriving.step.entry
    if arriving.begin:
        under_way.clear()
    place = max(arriving.begin, sum(size for _, _, size in under_way))
    most = max(_ASKED_AT_ONCE, _UNDER_WAY // sftp.largest_read)
    while place < entry.size or under_way:
        room = most - len(under_way)
        while place < entry.size and room >= _ASKED_AT_ONCE and len(under_way) < most:
            size = pace.take_next(min(sftp.largest_read, entry.size - place), sftp, under_way=bool(under_way))
            if not size:
                break
            under_way.append((sftp.read(handle, place, size, entry.origin), place, size))
            place += size
        ticket, start, size = under_way.popleft()
        yield ticket
        data = sftp.data(ticket)
        if not data:
            raise SourceChanged(f"{entry.origin} shrank while it was read", hint="run it again")
        if sum(map(len, data)) > size:
            raise ServerFailure(f"cannot read {entry.origin}: the server sends more than was asked for")
        count = arriving.write(start, data)
        moved(count)
        if count < size:
            rest, missing = start + count, size - count
            under_way.appendleft((sftp.read(handle, rest, missing, entry.origin), rest, missing))
    if entry.size > sftp.largest_read:
        yield from _check_still(sftp, handle, entry)


def _check_still(sftp: Sftp, handle: bytes, entry: Entry) -> Steps[None]:
    """What is read in several pieces may be written in between. Raises: SourceChanged."""
    looked = sftp.fstat(handle, entry.origin)
    yield looked
    now = sftp.attributes(looked)
    if now.mtime not in {entry.mtime, None} and (now.size or 0) <= entry.size:
        raise SourceChanged(f"{entry.origin} was changed while it was read", hint="run it again")


def _unsized(sftp: Sftp, handle: bytes, arriving: Arriving, moved: Callable[[int], None]) -> Steps[int]:
    """To its end, wherever that is. Returns: how many bytes that was."""
    entry = arriving.step.entry
    place = 0
    while True:
        ticket = sftp.read(handle, place, sftp.largest_read, entry.origin)
        yield ticket
        data = sftp.data(ticket)
        if not data:
            return place
        count = arriving.write(place, data)
        moved(count)
        place += count
        if place > _LARGEST_UNSIZED:
            raise TooMuch(f"{entry.origin} says it is empty, and does not end")
