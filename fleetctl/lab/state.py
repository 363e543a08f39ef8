"""Which lab is up: a lock that its process holds as long as it lives, and a file that says what it serves.

The lock is what counts: the system lets go of it however the process ends, and no other process can
have it, whatever its number.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from fleetctl.errors import UsageError
from fleetctl.lab.layout import Layout, write_private

_TAKE_SECONDS = 1.0
_STEP_SECONDS = 0.01


class LabState(msgspec.Struct, frozen=True):
    """A lab that is up.

    Args:
        directory: where everything of it lies.
        inventory: path of the inventory to use it with.
        pid: the process that serves all hosts.
        password: whether logins with the password are allowed too.
        latency: seconds of a round trip that are pretended.
    """

    directory: str
    inventory: str
    hosts: tuple[str, ...]
    pid: int
    password: bool
    latency: float


@contextmanager
def held(layout: Layout) -> Iterator[None]:
    """Hold the lab's lock inside.

    Raises: UsageError when a lab that is up holds it.
    """
    deadline = time.monotonic() + _TAKE_SECONDS
    while (lock := _try(layout.lock)) is None:
        if time.monotonic() > deadline:
            raise already_up(layout)
        time.sleep(_STEP_SECONDS)
    try:
        yield
    finally:
        os.close(lock)


def already_up(layout: Layout) -> UsageError:
    return UsageError(
        f"a lab is already up in {layout.directory}",
        hint=f"use it with -i {layout.inventory}, or end it: fleetctl lab down",
    )


def is_held(layout: Layout) -> bool:
    if not layout.lock.exists():
        return False
    lock = _try(layout.lock)
    if lock is not None:
        os.close(lock)
    return lock is None


def ended(state_file: int, seconds: float) -> bool:
    """Wait for the process that wrote a state file, open as `state_file`; False when it still lives after that."""
    deadline = time.monotonic() + seconds
    while not _locked(state_file):
        if time.monotonic() > deadline:
            return False
        time.sleep(_STEP_SECONDS)
    return True


def read(layout: Layout) -> LabState | None:
    """What is up, or None: neither a lab that still starts nor the file of a killed one counts."""
    if not is_held(layout):
        return None
    try:
        return msgspec.json.decode(layout.state.read_bytes(), type=LabState)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def write(layout: Layout, state: LabState) -> None:
    """Write the state file, and lock it until this process has ended: `ended` waits for that.

    The lab's own lock is free a moment earlier, when its files are removed.
    """
    write_private(layout.state, msgspec.json.encode(state))
    fcntl.flock(os.open(layout.state, os.O_RDONLY), fcntl.LOCK_EX)


def _try(path: Path) -> int | None:
    """The lock's descriptor, or None when another has it, or it was removed meanwhile."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    if _locked(lock) and path.exists() and os.path.samestat(os.fstat(lock), path.stat()):
        return lock
    os.close(lock)
    return None


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
