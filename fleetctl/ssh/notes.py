"""A server's own words, which paramiko only logs: lines before its banner and the text of its DISCONNECT.

Stands in for the logger of one Transport (`Transport.logger`), so nothing is formatted or filtered twice.
"""

from __future__ import annotations

import logging
import re
import time
from collections import deque

from fleetctl.ssh.checkup.offers import Offer
from fleetctl.ssh.ways.way import Way

_BANNER = "Banner: "
_DISCONNECT = re.compile(r"Disconnect \(code (\d+)\): (.*)", re.DOTALL)
_logger = logging.getLogger("paramiko.transport")


class ServerNotes:
    """What the server said outside the protocol's data. Written by the transport's thread only.

    Args:
        way: what the connection is made over, which may know why it ended, too.
    """

    def __init__(self, host: str, way: Way | None = None) -> None:
        self._host = host
        self._way = way
        self._greeting: deque[str] = deque(maxlen=5)
        self._goodbye = ""
        self._banner = ""
        self._banner_at = 0.0
        self._offer: Offer | None = None
        self._verbose = _logger.isEnabledFor(logging.DEBUG)

    @property
    def banner(self) -> str:
        """The line by which it said that it speaks SSH; "" before it did."""
        return self._banner

    @property
    def banner_at(self) -> float:
        """When that came, on the monotonic clock."""
        return self._banner_at

    @property
    def offer(self) -> Offer | None:
        """What it offers in the first key exchange; None before it did."""
        return self._offer

    @property
    def greeting(self) -> str:
        """The last lines sent before an SSH banner, joined; "" when there were none."""
        return " / ".join(self._greeting)

    @property
    def goodbye(self) -> str:
        """Why the connection ended: the server's own words, or what is known on this side; else ""."""
        return self._goodbye or self.way_ended

    @property
    def way_ended(self) -> str:
        """Why what the connection was made over ended; "" when it did not, or nothing is known."""
        return "" if self._way is None else self._way.ended

    @property
    def refused_login(self) -> bool:
        """Whether it disconnected because of the login, as after too many keys, and not for reasons of its own."""
        return "auth" in self._goodbye.lower()

    def note_banner(self, line: str) -> None:
        self._banner = line
        self._banner_at = time.monotonic()

    def note_offer(self, offer: Offer) -> None:
        if self._offer is None:
            self._offer = offer

    def log(self, level: int, message: str, *args: object) -> None:
        """Called by paramiko/transport.py: `_log`."""
        if message.startswith(_BANNER):
            self._greeting.append(message[len(_BANNER) :].strip())
        elif level >= logging.INFO and (match := _DISCONNECT.match(message)):
            self._goodbye = match[2].strip()
        if self._verbose:
            _logger.log(level, f"{self._host}: {message}", *args)

    def isEnabledFor(self, _level: int) -> bool:  # noqa: N802 - the name that logging gives it
        return self._verbose
