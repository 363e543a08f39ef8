"""A command line as it is sent. What no server can take is refused here: servers answer it by ending the connection."""

from __future__ import annotations

import os

from fleetctl.errors import RequestRefused

_MOST_BYTES = 255 * 1024
"""OpenSSH takes packets of 256 KiB (packet.c: PACKET_MAX_SIZE)."""


def sendable(command: str) -> bytes:
    """Its bytes; names of files in it may not be UTF-8. Raises: RequestRefused."""
    line = os.fsencode(command)
    if b"\0" in line:
        raise RequestRefused("the command line has a NUL in it, which no command can", hint="stdin takes any text")
    if len(line) > _MOST_BYTES:
        raise RequestRefused(
            f"the command line has {len(line)} bytes, and no server takes more than {_MOST_BYTES}",
            hint="what is long goes to stdin, or into a file",
        )
    return line
