"""A lock on a file that the kernel holds (flock(2)), so that it ends with its owner, however that ends."""

from __future__ import annotations

import fcntl
import time

_LOOK_SECONDS = 0.05


def taken(descriptor: int) -> bool:
    """Take the lock of an open file, if nobody has it. Raises: OSError."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def taken_within(descriptor: int, seconds: float) -> bool:
    """The same, waiting for so long. Raises: OSError."""
    until = time.monotonic() + seconds
    while not taken(descriptor):
        if time.monotonic() >= until:
            return False
        time.sleep(_LOOK_SECONDS)
    return True
