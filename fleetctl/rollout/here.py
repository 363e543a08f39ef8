"""A health check that runs here: a shell command, once after each batch."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import time
from collections.abc import Collection

from fleetctl.cancel import Cancel
from fleetctl.children import end_group
from fleetctl.durations import spelled
from fleetctl.events import ErrorFacts
from fleetctl.rollout.saying import SHOWN_BYTES, tail

_LOOK_SECONDS = 0.1
_MOST_BYTES = 64 * 1024


def run_here(command: str, seconds: float, hidden: Collection[str], cancel: Cancel) -> ErrorFacts | None:
    """Run a command line in the user's shell, that of $SHELL or else sh.

    Args:
        seconds: how long it may take; then its process group is ended, as when the run is called off.
        hidden: variables of ours that hold secrets, which it does not get.

    Returns: why it failed, with the end of what it said; None when it ended with exit code 0.
    Raises: Cancelled.
    """
    ours, its = socket.socketpair()
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    shell = environment.get("SHELL") or "/bin/sh"
    with ours:
        try:
            child = subprocess.Popen(
                [shell, "-c", command], stdin=subprocess.DEVNULL, stdout=its.fileno(), stderr=its.fileno(),
                env=environment, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            return ErrorFacts("check-failed", f"cannot be run: {error.strerror}")
        finally:
            its.close()
        ended = False
        try:
            said, ended = _heard(child, ours, seconds, cancel)
        finally:
            if not ended:
                end_group(child)
    if not ended:
        return ErrorFacts("check-failed", f"did not end within {spelled(seconds)}{tail(said)}")
    code = child.returncode
    how = f"exit {code}" if code >= 0 else f"killed by signal {-code}"
    return ErrorFacts("check-failed", f"{how}{tail(said)}") if code else None


def _heard(child: subprocess.Popen[bytes], ours: socket.socket, seconds: float, cancel: Cancel) -> tuple[bytes, bool]:
    """The end of what it says until it ends, and whether it did in time; who still holds its output is not waited for.

    Raises: Cancelled.
    """
    until = time.monotonic() + seconds
    said = b""
    open_end = True
    while child.poll() is None:
        cancel.check()
        if time.monotonic() >= until:
            return said, False
        if open_end and select.select([ours], [], [], _LOOK_SECONDS)[0]:
            more = ours.recv(_MOST_BYTES)
            open_end = bool(more)
            said = (said + more)[-SHOWN_BYTES:]
        elif not open_end:
            cancel.wait(_LOOK_SECONDS)
    return (said + _rest(ours))[-SHOWN_BYTES:], True


def _rest(ours: socket.socket) -> bytes:
    """What stands in the socket already. It holds little."""
    ours.setblocking(False)
    rest = b""
    try:
        while len(rest) < _MOST_BYTES * 64 and (more := ours.recv(_MOST_BYTES)):
            rest += more
    except BlockingIOError:
        pass
    return rest
