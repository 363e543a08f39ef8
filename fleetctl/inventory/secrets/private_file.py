"""A file that is ours alone: read with care, written whole or not at all, by one writer at a time."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fleetctl.errors import SecretError
from fleetctl.file_locks import taken_within

_LOCK_SECONDS = 15.0
_MOST_BYTES = 16 * 1024 * 1024


def read(path: Path, forbidden: int, why: str) -> bytes:
    """The content of a regular file that its owner, who must be us or root, alone is in charge of.

    Args:
        forbidden: permission bits that must not be set.
        why: what is wrong where one is, as in "can be written by others".

    Raises: SecretError.
    """
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise SecretError(f"{path} is no file", hint="name a file")
            _check(path, status, forbidden, why)
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        hint = "check the path and its permissions"
        raise SecretError(f"cannot read {path}: {error.strerror}", hint=hint) from error
    if len(data) > _MOST_BYTES:
        raise SecretError(f"{path} is larger than 16 MiB", hint="is it the right file?")
    return data


def _check(path: Path, status: os.stat_result, forbidden: int, why: str) -> None:
    if status.st_mode & forbidden:
        raise SecretError(
            f"{path} {why} (mode {stat.S_IMODE(status.st_mode):04o}) and is not used", hint=f"chmod 600 {path}"
        )
    if status.st_uid not in {os.geteuid(), 0}:
        raise SecretError(f"{path} belongs to another user and is not used", hint="name a file of yours")


def write(path: Path, data: bytes) -> None:
    """Put `data` in the place of the file, for its owner alone; a reader sees the old content or the new one.

    Raises: SecretError; the old content then stays.
    """
    try:
        _replace(path, data)
    except OSError as error:
        hint = "check the directory and its permissions"
        raise SecretError(f"cannot write {path}: {error.strerror}", hint=hint) from error


def _replace(path: Path, data: bytes) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # with mode 0600
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


@contextmanager
def one_writer(path: Path) -> Iterator[None]:
    """Keep other writers out while the block runs; the directory is made where there is none.

    The lock is on a file beside it, which stays: the file itself is another one after each writing.
    Raises: SecretError when another writer does not come to an end.
    """
    beside = path.with_name(f".{path.name}.lock")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        hint = "check the directory and its permissions"
        raise SecretError(f"cannot write {path}: {error.strerror}", hint=hint) from error
    try:
        if not taken_within(descriptor, _LOCK_SECONDS):
            raise SecretError(f"{path} is being written by another fleetctl", hint="try again later")
        yield
    finally:
        os.close(descriptor)
