"""Hosts named on the command line: `[user@]host[:port]`, an IPv6 address in brackets when a port follows."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fleetctl.errors import UsageError
from fleetctl.nodes import NAME

_SPEC = re.compile(
    r"(?:(?P<user>[^@\s]+)@)?(?:\[(?P<v6>[0-9A-Fa-f:.]+(?:%\w+)?)\]|(?P<host>[^\[\]@\s]+?))(?::(?P<port>\d{1,5}))?"
)


@dataclass(frozen=True, slots=True)
class AdhocHost:
    """What was said of a host; None where nothing was."""

    address: str
    user: str | None = None
    port: int | None = None

    @property
    def name(self) -> str:
        """What the host is called in the run: its address, and the port where one was given."""
        return self.address


def parse_adhoc(spec: str) -> AdhocHost:
    """Read `[user@]host[:port]`. Raises: UsageError."""
    if spec.count(":") > 1 and "[" not in spec:
        user, _, address = spec.rpartition("@")
        match = None
        host = AdhocHost(address, user or None)
    else:
        match = _SPEC.fullmatch(spec)
        host = AdhocHost("")
        if match is not None:
            port = int(match["port"]) if match["port"] else None
            host = AdhocHost(match["v6"] or match["host"], match["user"], port)
    sensible = NAME.fullmatch(host.address) and not (host.user or "").startswith("-")
    if not sensible or not 1 <= (host.port or 22) <= 65535:
        raise UsageError(f"{spec!r} is no host", hint="write host, user@host, host:port or user@[::1]:port")
    return host
