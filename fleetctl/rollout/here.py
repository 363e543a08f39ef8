"""A health check that runs here: a shell command, once after each batch."""

from __future__ import annotations

from collections.abc import Collection

from fleetctl.cancel import Cancel
from fleetctl.durations import spelled
from fleetctl.events import ErrorFacts
from fleetctl.here import Errand, run_here
from fleetctl.rollout.saying import SHOWN_BYTES, tail


def check_here(command: str, seconds: float, hidden: Collection[str], cancel: Cancel) -> ErrorFacts | None:
    """Why a check on this machine failed, with the end of what it said; None when it ended with exit code 0.

    Args:
        seconds: how long it may take.
        hidden: variables of ours that hold secrets, which it does not get.

    Raises: Cancelled.
    """
    said = b""

    def receive(_stream: str, data: bytes) -> None:
        nonlocal said
        said = (said + data)[-SHOWN_BYTES:]

    try:
        code = run_here(Errand(command, hidden, seconds=seconds), receive, cancel)
    except OSError as error:
        return ErrorFacts("check-failed", f"cannot be run: {error.strerror}")
    if code == 0:
        return None
    if code is None:
        how = f"did not end within {spelled(seconds)}"
    else:
        how = f"exit {code}" if code > 0 else f"killed by signal {-code}"
    return ErrorFacts("check-failed", f"{how}{tail(said)}")
