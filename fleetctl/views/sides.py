"""A run as one side of a comparison: how each host ended and what it said, of a job step by step."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from fleetctl.events import Event, HostFinished, Outcome, Output, Status, StepFinished, StepStarted
from fleetctl.views.spool import Kept, Result, Spool
from fleetctl.views.step_words import Ending, cut_off, ending_of

_SAID = Outcome(Status.OK)
"""Of what was said in a step nothing else matters."""


class Part(msgspec.Struct, frozen=True):
    """What a host said in a step, and how it ended; in all, and None, where it is no job."""

    said: Result
    ending: Ending | None = None

    @property
    def digests(self) -> tuple[bytes, bytes]:
        return self.said.stdout.digest, self.said.stderr.digest


NOTHING = Part(Result("", _SAID, Kept(), Kept()))
"""Of a step that was not come to."""


class Side(msgspec.Struct, frozen=True):
    """A host; `parts` by the name of the step, "" for what is of none."""

    outcome: Outcome
    parts: dict[str, Part]

    @property
    def said(self) -> tuple[tuple[str, tuple[bytes, bytes]], ...]:
        """Equal where the same was said in the same steps; a step in which nothing was said does not count."""
        return tuple((name, part.digests) for name, part in self.parts.items() if part.said.spoke)

    @property
    def endings(self) -> tuple[tuple[str, Ending | None], ...]:
        return tuple((name, part.ending) for name, part in self.parts.items())


def read(events: Iterable[Event], spool: Spool) -> dict[str, Side]:
    """Each host of the run. Raises: OSError from the spool."""
    sides: dict[str, Side] = {}
    parts: dict[str, dict[str, Part]] = {}
    under_way: dict[str, str] = {}
    for event in events:
        match event:
            case Output():
                spool.add(event)
            case StepStarted(host=host, step=step):
                under_way[host] = step
            case StepFinished(host=host, step=step):
                under_way.pop(host, None)
                parts.setdefault(host, {})[step] = Part(spool.finish(host, _SAID), ending_of(event))
            case HostFinished(host=host, outcome=outcome):
                own, step, rest = parts.pop(host, {}), under_way.pop(host, ""), spool.finish(host, outcome)
                if step or rest.spoke or not own:
                    own[step] = Part(rest, cut_off(outcome) if step else None)
                sides[host] = Side(outcome, own)
    return sides
