"""The end of what a check said, for the line that tells that it failed."""

from __future__ import annotations

SHOWN_BYTES = 600


def tail(said: bytes) -> str:
    """`: ` and the end of what a command said, on one line; "" when it said nothing."""
    lines = [line.strip() for line in said[-SHOWN_BYTES:].decode(errors="replace").splitlines()]
    words = " | ".join(filter(None, lines))
    return f": {words}" if words else ""
