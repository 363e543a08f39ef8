"""Input for a terminal must be text: it takes some bytes for orders, and keeps the first 4,095 of a line."""

from __future__ import annotations

import re

from fleetctl.errors import FleetError
from fleetctl.ssh.stream.feeding import Stdin

_LONGEST_LINE = 4000
_ORDERS = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")


class PlainText:
    """A Stdin that breaks off where the other one is no text. For one reader."""

    def __init__(self, stdin: Stdin) -> None:
        self._stdin = stdin
        self._read = 0
        self._line = 0

    def read(self, offset: int, seconds: float) -> bytes | None:
        """As Stdin. Raises: FleetError."""
        data = self._stdin.read(offset, seconds)
        if data:
            self._check(data[max(0, self._read - offset) :])
            self._read = max(self._read, offset + len(data))
        return data

    def wake(self) -> None:
        self._stdin.wake()

    def _check(self, new: bytes) -> None:
        lines = new.split(b"\n")
        lengths = [self._line + len(lines[0]), *map(len, lines[1:])]
        self._line = lengths[-1]
        if _ORDERS.search(new) or max(lengths) > _LONGEST_LINE:
            raise FleetError(
                "the input is no text of short lines, and the terminal that the host demands takes no other",
                hint="send it with `put` first, or take requiretty out of the host's sudoers",
            )
