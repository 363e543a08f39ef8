"""A command line run on this machine, in the user's shell: it ends in time, or is ended with all that it began."""

from __future__ import annotations

import os
import selectors
import subprocess
import tempfile
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack

import msgspec

from fleetctl.cancel import Cancel
from fleetctl.children import end_group
from fleetctl.events import Stream

_LOOK_SECONDS = 0.1
_MOST_BYTES = 64 * 1024
_MOST_LEFT = 64
"""Pieces of output that are still read when it has ended; a pipe holds fewer."""

Receive = Callable[[Stream, bytes], None]


class Errand(msgspec.Struct, frozen=True):
    """What is to be run here.

    Args:
        line: for the shell that $SHELL names, or else sh.
        hidden: variables of ours that hold secrets, which it does not get.
        env: variables set for it, over ours.
        directory: where; "" is where we are.
        stdin: what it reads.
        seconds: how long it may take; None is without end.
    """

    line: str
    hidden: Collection[str] = ()
    env: dict[str, str] = {}
    directory: str = ""
    stdin: bytes = b""
    seconds: float | None = None


def run_here(errand: Errand, receive: Receive, cancel: Cancel) -> int | None:
    """Run it, and hand over what it says as it comes.

    Who still holds its output when it has ended is not waited for.

    Returns: its exit code, or the negative number of the signal that killed it; None when it did not end in time, and
        its process group was ended.
    Raises: OSError when it cannot be run; Cancelled, after its process group was ended.
    """
    with ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        child = _started(errand, selector, stack)
        ended = False
        try:
            ended = _follow(child, selector, errand.seconds, receive, cancel)
        finally:
            if not ended:
                end_group(child)
        return child.returncode if ended else None


def _started(errand: Errand, selector: selectors.BaseSelector, stack: ExitStack) -> subprocess.Popen[bytes]:
    environment = {name: value for name, value in os.environ.items() if name not in errand.hidden} | errand.env
    shell = os.environ.get("SHELL") or "/bin/sh"
    out, err = (_pipe(stream, selector, stack) for stream in ("stdout", "stderr"))
    try:
        with tempfile.TemporaryFile() as stdin:
            if errand.stdin:
                stdin.write(errand.stdin)
                stdin.seek(0)
            return subprocess.Popen(
                [shell, "-c", errand.line], stdin=stdin if errand.stdin else subprocess.DEVNULL, stdout=out, stderr=err,
                env=environment, cwd=errand.directory or None, start_new_session=True,
            )  # fmt: skip
    finally:
        os.close(out)
        os.close(err)


def _pipe(stream: str, selector: selectors.BaseSelector, stack: ExitStack) -> int:
    """Listen to one of its streams. Returns: the end that it writes to."""
    ours, its = os.pipe()
    stack.callback(os.close, ours)
    os.set_blocking(ours, False)
    selector.register(ours, selectors.EVENT_READ, stream)
    return its


def _follow(
    child: subprocess.Popen[bytes],
    selector: selectors.BaseSelector,
    seconds: float | None,
    receive: Receive,
    cancel: Cancel,
) -> bool:
    """Whether it has ended in time. Raises: Cancelled."""
    until = float("inf") if seconds is None else time.monotonic() + seconds
    while child.poll() is None:
        cancel.check()
        if time.monotonic() >= until:
            return False
        if selector.get_map():
            _hear(selector, receive, _LOOK_SECONDS)
        else:
            _ends(child, _LOOK_SECONDS)
    for _ in range(_MOST_LEFT):
        if not _hear(selector, receive, 0):
            break
    return True


def _hear(selector: selectors.BaseSelector, receive: Receive, seconds: float) -> bool:
    """Take what it says, waiting for it at most this long; whether that was anything."""
    heard = False
    for key, _ in selector.select(seconds):
        data = os.read(key.fd, _MOST_BYTES)
        if data:
            heard = True
            receive(key.data, data)
        else:
            selector.unregister(key.fd)
    return heard


def _ends(child: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        return
