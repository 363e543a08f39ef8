"""A lab that stays up in the background: one detached process, found again by its directory."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import msgspec
import platformdirs

from fleetctl.errors import FleetError, UsageError
from fleetctl.lab import state
from fleetctl.lab.inside import need_asyncssh
from fleetctl.lab.layout import Layout, claim, clear
from fleetctl.lab.state import LabState

_START_SECONDS = 30.0
_END_SECONDS = 15.0
_CHUNK = 64 * 1024


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
        FleetError: it did not start; the hint names its log.
    """
    need_asyncssh()
    layout = claim(_directory(directory))
    if state.is_held(layout):
        raise UsageError(f"a lab is already up in {layout.directory}", hint="fleetctl lab status, fleetctl lab down")
    answer, ready = os.pipe()
    try:
        _spawn(layout, Order(str(layout.directory), hosts, password, latency, ready))
    finally:
        os.close(ready)
    with os.fdopen(answer, "rb", buffering=0) as pipe:
        return _answer(pipe.fileno(), layout)


def status(directory: Path | None = None) -> LabState | None:
    """The lab that is up, or None. What a killed lab left behind counts as none."""
    return state.read(Layout(_directory(directory)))


def down(directory: Path | None = None) -> bool:
    """End the lab and remove its files, also those that a killed one left behind.

    Returns: whether a lab was up.
    """
    layout = Layout(_directory(directory))
    found = state.read(layout)
    if found is not None:
        _end(found.pid, layout)
    if layout.lock.exists() and not state.is_held(layout):
        clear(layout)
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
    finally:
        os.close(log)


def _answer(pipe: int, layout: Layout) -> LabState:
    readable, _, _ = select.select([pipe], [], [], _START_SECONDS)
    said = os.read(pipe, _CHUNK) if readable else b""
    if not said:
        lines = layout.log.read_text(errors="replace").splitlines()
        raise FleetError(f"the lab did not start: {lines[-1] if lines else 'no word of it'}", hint=f"see {layout.log}")
    found = state.read(layout)
    if found is None:
        raise FleetError("the lab ended as soon as it was up", hint=f"see {layout.log}")
    return found


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
