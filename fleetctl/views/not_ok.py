"""The names of hosts that are not ok, one on a line in the order of the run, in a file that is whole or not there."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from fleetctl.errors import UsageError
from fleetctl.events import Event, HostFinished, RunFinished, RunStarted, Status

_READABLE = 0o666
"""As the umask leaves it: it holds names."""


class NotOk:
    """Writes when the run is over, also when it was called off. Called from one thread.

    Raises: UsageError where nothing could be put there.
    """

    def __init__(self, path: Path) -> None:
        _check(path)
        self._path = path
        self._left: dict[str, None] = {}

    def show(self, event: Event) -> None:
        """Raises: OSError when it cannot be written."""
        if isinstance(event, RunStarted):
            self._left = dict.fromkeys(event.hosts)
        elif isinstance(event, HostFinished) and event.outcome.status is Status.OK:
            self._left.pop(event.host, None)
        elif isinstance(event, RunFinished):
            _write_whole(self._path, "".join(f"{host}\n" for host in self._left).encode())

    def close(self) -> None:
        """Nothing is held open."""


def _check(path: Path) -> None:
    """Before the run rather than after it."""
    directory = path.resolve().parent
    if path.exists() and not path.is_file():
        why = "it is no file"
    elif not directory.is_dir():
        why = "there is no such directory"
    elif not os.access(directory, os.W_OK | os.X_OK):
        why = "no permission"
    else:
        return
    raise UsageError(f"cannot write {path}: {why}", hint="name a file that may be made or replaced")


def _write_whole(path: Path, data: bytes) -> None:
    """A link stays one; what it leads to is replaced."""
    path = path.resolve()
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _READABLE), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise
