"""What a lab host says to a command line in place of running it, where there is somebody who answers for it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec


class Reply(msgspec.Struct, frozen=True):
    """What the client sees of a command that nobody has run.

    Args:
        seconds: how long it takes; a signal ends it before.
        resets: the connection is reset then, in place of an end.
    """

    stdout: bytes = b""
    stderr: bytes = b""
    exit_code: int = 0
    seconds: float = 0.0
    resets: bool = False


Replies = Callable[[str, str], Reply | None]
"""Given a host and a command line. None: the host refuses to run it. Called in the lab's thread; must not wait."""
