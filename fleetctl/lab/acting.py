"""Acts a reply out on a channel, as if a command had been run there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import asyncssh

from fleetctl.lab.replies import Reply


async def act_out(
    process: asyncssh.SSHServerProcess[bytes], reply: Reply, signalled: asyncio.Event, reset: Callable[[], None]
) -> None:
    """Let the client of a channel see the reply. `reset`: breaks the client's connection."""
    with suppress(TimeoutError):
        await asyncio.wait_for(signalled.wait(), reply.seconds)
    if reply.resets:
        reset()
        return
    with suppress(OSError, asyncssh.Error):  # nobody is there any more
        process.stdout.write(reply.stdout)
        process.stderr.write(reply.stderr)
        process.exit(reply.exit_code)
