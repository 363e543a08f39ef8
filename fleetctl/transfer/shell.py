"""Small POSIX sh scripts on a host, whose answer is short: whoever says more, or takes for ever, is cut off."""

from __future__ import annotations

from collections.abc import Sequence

from fleetctl.cancel import Cancel
from fleetctl.errors import ChannelRefused, RequestRefused, ServerFailure, ToolMissing
from fleetctl.events import Stream
from fleetctl.ssh.any_session import AnySession
from fleetctl.ssh.any_shell import sh

_SHORT = 64 * 1024
_SECONDS = 60.0


def ask(
    session: AnySession,
    script: str,
    words: Sequence[str],
    cancel: Cancel,
    *,
    most: int = _SHORT,
    seconds: float = _SECONDS,
) -> tuple[int | None, bytes, bytes]:
    """Run a script. Returns: its exit code, what it wrote to stdout, and to stderr.

    Args:
        most: bytes that it may say.

    Raises: ServerFailure when it says more, ToolMissing when the host runs no commands, TimedOut, and what else
        `Session.run` raises.
    """
    said: dict[Stream, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}

    def receive(stream: Stream, data: bytes) -> None:
        said[stream] += data
        if sum(map(len, said.values())) > most:
            session.abort()
            raise ServerFailure("the host says more than it was asked for", hint="what do its start-up files print?")

    try:
        ended = session.run(sh(script, words), receive, cancel, timeout=seconds)
    except (ChannelRefused, RequestRefused) as error:
        raise ToolMissing(f"the host runs no commands: {error.message}") from error
    return ended.exit_code, bytes(said["stdout"]), bytes(said["stderr"])
