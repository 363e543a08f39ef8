"""Hosts for which a step of a job ended alike, together: with what they said in it, how it ended, and why."""

from __future__ import annotations

from collections import Counter

import msgspec

from fleetctl.events import Event, HostFinished, Outcome, Output, Status, StepFinished, StepStarted
from fleetctl.nodes import fold
from fleetctl.views.spool import Result, Spool
from fleetctl.views.step_words import ORDER, Ending, cut_off, ending_of

_SAID = Outcome(Status.OK)
"""Of what was said in a step nothing else matters."""


class Group(msgspec.Struct):
    """`like` is what each of the hosts said."""

    like: Result
    ending: Ending
    hosts: list[str] = msgspec.field(default_factory=list)

    @property
    def order(self) -> tuple[bool, int, str]:
        return self.ending.is_fine, -len(self.hosts), fold(self.hosts)


class Block(msgspec.Struct):
    """A step, and the hosts that have come to its end; `slowest` is how many seconds it took at most."""

    name: str
    groups: dict[tuple[bytes, bytes, Ending], Group] = msgspec.field(default_factory=dict)
    slowest: float = 0.0

    def in_order(self) -> list[Group]:
        """What is not fine first, then the largest."""
        return sorted(self.groups.values(), key=lambda group: group.order)

    @property
    def told(self) -> str:
        """`11 changed, 1 failed`."""
        counts: Counter[str] = Counter()
        for group in self.groups.values():
            counts[group.ending.word] += len(group.hosts)
        return ", ".join(f"{counts[word]} {word}" for word in ORDER if word in counts)


class Ended(msgspec.Struct, frozen=True):
    """The end of a step on a host."""

    host: str
    number: int
    step: str
    ending: Ending
    seconds: float


class StepGroups:
    """Sorts the ends of steps by number. For one thread. Raises: OSError from `note`, see Spool."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._blocks: dict[int, Block] = {}
        self._under_way: dict[str, StepStarted] = {}

    def note(self, event: Event) -> Ended | None:
        """Returns: the end of a step, if it is one; a step that a host is cut off in ends with it."""
        match event:
            case Output():
                self._spool.add(event)
            case StepStarted(host=host):
                self._under_way[host] = event
            case StepFinished(host=host):
                self._under_way.pop(host, None)
                return self._sort_in(Ended(host, event.number, event.step, ending_of(event), event.seconds))
            case HostFinished(host=host, outcome=outcome, at=at):
                step = self._under_way.pop(host, None)
                if step is not None:
                    return self._sort_in(Ended(host, step.number, step.step, cut_off(outcome), max(0.0, at - step.at)))
        return None

    def take(self, number: int) -> Block | None:
        """The step of that number; None where nobody came to it, or it has been taken."""
        return self._blocks.pop(number, None)

    def _sort_in(self, ended: Ended) -> Ended:
        block = self._blocks.setdefault(ended.number, Block(ended.step))
        block.slowest = max(block.slowest, ended.seconds)
        result = self._spool.finish(ended.host, _SAID)
        likeness = (result.stdout.digest, result.stderr.digest, ended.ending)
        group = block.groups.setdefault(likeness, Group(result, ended.ending))
        group.hosts.append(ended.host)
        if group.like is not result:
            self._spool.forget(result)  # the first of its kind has the same
        return ended
