"""How what we have begun on this machine is ended: a child and all that is in its process group."""

from __future__ import annotations

import os
import signal
import subprocess
import time

_END_SECONDS = 1.0
_REST_SECONDS = 0.2
_LOOK_SECONDS = 0.01
_ANY = 0


def end_group(child: subprocess.Popen[bytes]) -> None:
    """End the process group that the child leads, and wait for it: TERM first, KILL for what does not heed it."""
    _signal(child, signal.SIGTERM)
    if not _ends(child):
        _signal(child, signal.SIGKILL)
        _ends(child)
    # What else is in its group may have to clean up, too: an ssh removes its control socket.
    if not _all_ended(child, _REST_SECONDS):
        _signal(child, signal.SIGKILL)
        _all_ended(child, _END_SECONDS)  # a signal is only on its way when it has been sent


def _ends(child: subprocess.Popen[bytes]) -> bool:
    try:
        child.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return True


def _all_ended(child: subprocess.Popen[bytes], seconds: float) -> bool:
    """Wait for the rest of the group, which are no children of ours; whether there is none any more."""
    until = time.monotonic() + seconds
    while _signal(child, _ANY):
        if time.monotonic() >= until:
            return False
        time.sleep(_LOOK_SECONDS)
    return True


def _signal(child: subprocess.Popen[bytes], number: int) -> bool:
    """Send it to all of the group; whether there still is one."""
    try:
        os.killpg(child.pid, number)
    except ProcessLookupError:
        return False
    return True
