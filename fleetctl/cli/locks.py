"""`--lock NAME`: one run at a time under a name. The kernel holds the lock, so that it ends with its owner, however."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import platformdirs

from fleetctl.cancel import Cancel
from fleetctl.errors import LockHeld, UsageError
from fleetctl.file_locks import taken

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_LOOK_SECONDS = 0.2
_MOST_BYTES = 64 * 1024
_LONGEST_WORK = 500
_MODE = 0o660
"""For who may enter the directory: the user's own is closed to others, a shared one has a group that shares locks."""


class Holder(msgspec.Struct, frozen=True):
    """Who has a lock.

    Args:
        who: a user and a machine.
        work: what is done, on how many hosts.
        since: seconds since the epoch.
        process: its number on that machine.
    """

    who: str
    work: str
    since: float
    process: int

    def __str__(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        return f"{self.who} (process {self.process}) since {since}: {self.work}"


def default_directory() -> Path:
    return platformdirs.user_state_path("fleetctl") / "locks"


@contextmanager
def locked(
    name: str, holder: Holder, directory: Path, wait: float | None, cancel: Cancel, tell: Callable[[str], None]
) -> Iterator[None]:
    """Hold the lock while the block runs.

    Args:
        wait: seconds to wait for another; None is not at all.
        tell: takes a sentence when it must be waited for.

    Raises: LockHeld with who has it; UsageError when there can be no such file; Cancelled while it waits.
    """
    descriptor = _opened(name, directory)
    try:
        _take(descriptor, name, wait, cancel, tell)
        _write(descriptor, msgspec.json.encode(msgspec.structs.replace(holder, work=holder.work[:_LONGEST_WORK])))
        try:
            yield
        finally:
            _write(descriptor, b"")
    finally:
        os.close(descriptor)


def check_name(name: str) -> str:
    """Raises: UsageError."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot name a lock", hint="use letters, digits, '.', '-' and '_'")
    return name


def _opened(name: str, directory: Path) -> int:
    path = directory / f"{check_name(name)}.lock"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, _MODE)
        with suppress(PermissionError):  # somebody else's, who has done it
            os.fchmod(descriptor, _MODE)
    except OSError as error:
        hint = "check the directory and its permissions"
        raise UsageError(f"cannot lock {path}: {error.strerror}", hint=hint) from error
    return descriptor


def _take(descriptor: int, name: str, wait: float | None, cancel: Cancel, tell: Callable[[str], None]) -> None:
    until = None if wait is None else time.monotonic() + wait
    told = False
    while not taken(descriptor):
        said = f"the lock {name!r} is held by {_holder(descriptor)}"
        if until is None:
            raise LockHeld(said, hint="wait for it with --lock-wait 10m")
        if time.monotonic() >= until:
            raise LockHeld(f"{said}; waited {wait:g} s", hint="try again later")
        if not told:
            tell(f"waiting: {said}")
            told = True
        cancel.wait(min(_LOOK_SECONDS, until - time.monotonic()))


def _holder(descriptor: int) -> str:
    """What the owner has written; it may not have come to that yet."""
    try:
        return str(msgspec.json.decode(os.pread(descriptor, _MOST_BYTES, 0), type=Holder))
    except (OSError, msgspec.MsgspecError, OverflowError, ValueError):
        return "another run"


def _write(descriptor: int, data: bytes) -> None:
    """For people to read; the lock holds without it."""
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, data, 0)
