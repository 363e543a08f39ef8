"""Acts a reply out on a channel, as if a command had been run there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import asyncssh

from fleetctl.lab.replies import Reply

_HEARD_SECONDS = 0.1
"""A reset throws away what is under way: so long that may take."""


async def act_out(
    process: asyncssh.SSHServerProcess[bytes], reply: Reply, signalled: asyncio.Event, reset: Callable[[], None]
) -> None:
    """Let the client of a channel see the reply. `reset`: breaks the client's connection."""
    with suppress(TimeoutError):
        await asyncio.wait_for(signalled.wait(), reply.seconds)
    with suppress(OSError, asyncssh.Error):  # nobody is there any more
        process.stdout.write(reply.stdout)
        process.stderr.write(reply.stderr)
        if not reply.resets:
            process.exit(reply.exit_code)
            return
        if reply.stdout or reply.stderr:
            await asyncio.sleep(_HEARD_SECONDS)
    reset()
