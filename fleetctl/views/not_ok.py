"""The names of hosts that are not ok, one on a line in the order of the run, in a file that is whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

from fleetctl.errors import UsageError
from fleetctl.events import Event, HostFinished, RunFinished, RunStarted, Status
from fleetctl.views.whole import whole_file


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
            with whole_file(self._path) as file:
                file.write("".join(f"{host}\n" for host in self._left).encode())

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
