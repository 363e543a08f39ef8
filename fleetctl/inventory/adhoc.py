"""Hosts named on the command line: `[user@]host[:port]`, an IPv6 address in brackets when a port follows."""

from __future__ import annotations

import re

import msgspec

from fleetctl.errors import UsageError
from fleetctl.nodes import NAME

_SPEC = re.compile(
    r"""(?:(?P<user>[^@\s]+)@)?
        (?: (?P<bare_v6>[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*)
          | (?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^\[\]@:\s]+)) (?::(?P<port>\d{1,5}))?
        )""",
    re.VERBOSE,
)


class AdhocHost(msgspec.Struct, frozen=True):
    """What was said of a host; None where nothing was."""

    address: str
    user: str | None = None
    port: int | None = None

    @property
    def name(self) -> str:
        """What the host is called in the run: its address."""
        return self.address


def parse_adhoc(spec: str) -> AdhocHost:
    """Read `[user@]host[:port]`. Raises: UsageError."""
    match = _SPEC.fullmatch(spec)
    if match is not None:
        address = match["bare_v6"] or match["v6"] or match["host"]
        user, port = match["user"], int(match["port"]) if match["port"] else None
        if NAME.fullmatch(address) and not (user or "").startswith("-") and (port is None or 1 <= port <= 65535):
            return AdhocHost(address, user, port)
    raise UsageError(f"{spec!r} is no host", hint="write host, user@host, host:port or user@[::1]:port")


def jump_words(text: str) -> tuple[str, ...]:
    """The bastions of `-J a,user@b:port`, in order; none for the word `none`. Raises: UsageError."""
    if text == "none":
        return ()
    words = tuple(text.split(","))
    for word in words:
        parse_adhoc(word)
    return words
