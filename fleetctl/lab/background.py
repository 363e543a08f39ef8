"""A lab that stays up in the background: one detached process, found again by its directory."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import msgspec
import platformdirs

from fleetctl.errors import FleetError, UsageError
from fleetctl.lab import answer, state
from fleetctl.lab.inside import need_asyncssh
from fleetctl.lab.layout import Layout, claim, clear
from fleetctl.lab.state import LabState

_log = logging.getLogger(__name__)

_START_SECONDS = 30.0
_END_SECONDS = 15.0


class Order(msgspec.Struct, frozen=True):
    """What the background process is told on its command line; `ready` is the descriptor to answer on."""

    directory: str
    hosts: int
    password: bool
    latency: float
    ready: int


def default_directory() -> Path:
    """Where the lab of this user lies when nothing else is said."""
    return platformdirs.user_state_path("fleetctl", appauthor=False) / "lab"


def up(hosts: int = 10, *, password: bool = False, latency: float = 0.0, directory: Path | None = None) -> LabState:
    """Start a lab in the background; it is ready for use on return.

    Args:
        password: allow logins with a password too; the inventory refers to the file it lies in.
        latency: seconds of a round trip to pretend.
        directory: see `default_directory`.

    Raises:
        UsageError: asyncssh is missing, a lab is up there already, or the directory holds something else.
        FleetError: it did not start; the message says why.
    """
    need_asyncssh()
    layout = claim(_directory(directory))
    if state.is_held(layout):
        raise state.already_up(layout)
    pipe, ready = os.pipe()
    try:
        try:
            _spawn(layout, Order(str(layout.directory), hosts, password, latency, ready))
        finally:
            os.close(ready)
        return _found_up(pipe, layout)
    finally:
        os.close(pipe)


def status(directory: Path | None = None) -> LabState | None:
    """The lab that is up, or None. What a killed lab left behind counts as none."""
    return state.read(Layout(_directory(directory)))


def down(directory: Path | None = None) -> bool:
    """End the lab and remove its files, also those that a killed one left behind.

    Of files that are not the lab's, and therefore stay, a warning is logged.

    Returns: whether a lab was up.
    """
    layout = Layout(_directory(directory))
    found = state.read(layout)
    if found is not None:
        _end(found.pid, layout)
    if layout.lock.exists():
        # Another lab may come up here as soon as the lock is free, and its files are not ours to remove.
        with suppress(UsageError, FileNotFoundError), state.held(layout):
            _clear_away(layout)
    return found is not None


def _directory(given: Path | None) -> Path:
    return default_directory() if given is None else given.absolute()


def _spawn(layout: Layout, order: Order) -> None:
    """The process started here forks the one that stays and ends at once, so that it can be waited for."""
    log = os.open(layout.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        subprocess.run(
            [sys.executable, "-m", "fleetctl.lab", msgspec.json.encode(order).decode()], check=False,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[order.ready], start_new_session=True,
            timeout=_START_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired as slow:
        raise _no_start(layout) from slow
    finally:
        os.close(log)


def _found_up(pipe: int, layout: Layout) -> LabState:
    said = answer.take(pipe, _START_SECONDS)
    if said is None:
        raise _no_start(layout)
    said.check()
    found = state.read(layout)
    if found is None:
        raise FleetError("the lab was ended as soon as it was up", hint="raise it again")
    return found


def _no_start(layout: Layout) -> FleetError:
    """Its process could not tell why: the last that Python said of it does, if anything."""
    lines = layout.log.read_text(errors="replace").splitlines() if layout.log.exists() else []
    return FleetError(f"the lab did not start: {lines[-1] if lines else 'no word of it'}", hint=f"see {layout.log}")


def _clear_away(layout: Layout) -> None:
    for path in clear(layout):
        _log.warning("%r is not the lab's, and was left", str(path))


def _end(pid: int, layout: Layout) -> None:
    """No other process can have the number while the lab's lock is held."""
    try:
        state_file = layout.state.open("rb")
    except FileNotFoundError:
        return  # it ended by itself just now
    with state_file:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
            if state.ended(state_file.fileno(), _END_SECONDS):
                return
    raise FleetError(f"the lab's process {pid} does not end", hint=f"see {layout.log}")
