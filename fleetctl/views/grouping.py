"""Hosts with the same result together: what they said, how it ended, and why."""

from __future__ import annotations

import msgspec

from fleetctl.events import Status
from fleetctl.nodes import fold
from fleetctl.views.reasons import reason
from fleetctl.views.spool import Result


class Group(msgspec.Struct):
    """Hosts of one result; `like` is any of them."""

    like: Result
    why: str
    hosts: list[str] = msgspec.field(default_factory=list)


class Groups:
    """For one thread."""

    def __init__(self) -> None:
        self._groups: dict[tuple[bytes, bytes, Status, str], Group] = {}

    def sort_in(self, result: Result) -> None:
        """Hosts that never came to speak are left out: they are told of with their reason."""
        if not (result.spoke or result.outcome.status in {Status.OK, Status.FAILED}):
            return
        why = reason(result.outcome)
        likeness = (result.stdout.digest, result.stderr.digest, result.outcome.status, why)
        self._groups.setdefault(likeness, Group(result, why)).hosts.append(result.host)

    def by_size(self) -> list[tuple[str, Group]]:
        """Each under the folded names of its hosts; the largest first, then by name."""
        named = [(fold(group.hosts), group) for group in self._groups.values()]
        return sorted(named, key=lambda item: (-len(item[1].hosts), item[0]))
