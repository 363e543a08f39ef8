"""Where history lies: one database, beside it the full text of long outputs, and a lock for each run that goes on.

All of it is for its owner alone from the first moment: what hosts say may be anything.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import msgspec
import platformdirs

from fleetctl.file_locks import taken_within

_DIRECTORY_MODE = 0o700
_FILE_MODE = 0o600
_LOCK_SECONDS = 5.0


def default_path() -> Path:
    """The user's own history."""
    return platformdirs.user_state_path("fleetctl") / "history.db"


class Place(msgspec.Struct, frozen=True):
    """The files of one history."""

    database: Path

    @property
    def directory(self) -> Path:
        return self.database.parent

    def outputs(self, run: str) -> Path:
        """Where the full texts of a run's long outputs are."""
        return self.directory / "outputs" / _file_name(run)

    def output(self, run: str, host: str, stream: str) -> Path:
        return self.outputs(run) / f"{_file_name(host)}.{stream}"

    def lock(self, run: str) -> Path:
        """Locked by the process of a run as long as it lives."""
        return self.locks / _file_name(run)

    @property
    def locks(self) -> Path:
        return self.directory / "running"

    def forget_outputs(self, run: str) -> None:
        """Raises: OSError when they cannot be removed."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self.outputs(run))


class Alive:
    """Tells others that the process of a run is there, for as long as it is, whatever ends it.

    Raises: OSError when there can be no such file.
    """

    def __init__(self, place: Place, run: str) -> None:
        self._path = place.lock(run)
        make_private(self._path.parent)
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
        if not taken_within(self._descriptor, _LOCK_SECONDS):  # who asks for it holds it for a moment only
            os.close(self._descriptor)
            raise OSError(errno.EAGAIN, "another process has locked it", str(self._path))

    def close(self) -> None:
        with suppress(OSError):
            self._path.unlink()
        os.close(self._descriptor)


def is_alive(place: Place, run: str) -> bool:
    """Whether the process of a run is there; the lock of one that was killed is taken away."""
    path = place.lock(run)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        path.unlink()
    except BlockingIOError:
        return True
    except OSError:
        return False
    else:
        return False
    finally:
        os.close(descriptor)


def make_private(directory: Path) -> None:
    """Make a directory, and those above it that are missing, for us alone, whatever the umask. Raises: OSError."""
    if not directory.is_dir():
        make_private(directory.parent)
        with suppress(FileExistsError):
            directory.mkdir(mode=_DIRECTORY_MODE)


def narrow(path: Path, mode: int) -> None:
    """Take from others what somebody gave them; not where it is another's file. Raises: OSError."""
    found = path.stat()
    if found.st_mode & 0o077 and found.st_uid == os.geteuid():
        path.chmod(mode)


def narrow_all(place: Place) -> None:
    """Raises: OSError."""
    if place.database == default_path():  # elsewhere the directory may have other tenants
        narrow(place.directory, _DIRECTORY_MODE)
    narrow(place.database, _FILE_MODE)


def append_private(path: Path, data: bytes) -> None:
    """Raises: OSError; part of it may be written then."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, _FILE_MODE)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    finally:
        os.close(descriptor)


def _file_name(word: str) -> str:
    """Nothing that leads out of its directory."""
    return quote(word, safe="").replace(".", "%2E") if word.startswith(".") else quote(word, safe="")
