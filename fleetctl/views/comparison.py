"""Two runs side by side: which hosts have another status or output in the second, and what differs.

Of a job it is told in which step. That a step has changed something in one run and not in the other is no difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any

import msgspec

from fleetctl.events import Event
from fleetctl.nodes import fold
from fleetctl.views.diff import Differ, Incomparable
from fleetctl.views.facts import outcome_facts
from fleetctl.views.fold import shown_change
from fleetctl.views.neutral import sanitize
from fleetctl.views.reasons import reason
from fleetctl.views.screen import Screen
from fleetctl.views.sides import NOTHING, Part, Side, read
from fleetctl.views.spool import Spool


class Change(StrEnum):
    """What became of a host, in the order of how much it matters."""

    WENT_BAD = "went-bad"
    STILL_BAD = "still-bad"
    CAME_GOOD = "came-good"
    OUTPUT = "output-differs"
    NEW = "new"
    GONE = "gone"
    SAME = "same"

    @property
    def words(self) -> str:
        return self.replace("-", " ")


_COLOURS = {Change.WENT_BAD: "31", Change.STILL_BAD: "33", Change.CAME_GOOD: "32"}


class Compared(msgspec.Struct, frozen=True):
    """A host of either run; a side is None where it had no part in that run."""

    host: str
    change: Change
    before: Side | None
    after: Side | None

    @property
    def differs(self) -> bool:
        """Whether status or output do; seconds and tries are nobody's difference."""
        return self.before is None or self.after is None or _likeness(self.before) != _likeness(self.after)

    @property
    def output_differs(self) -> bool:
        return self.before is not None and self.after is not None and self.before.said != self.after.said

    def steps(self) -> Iterator[tuple[str, Part, Part]]:
        """Those of a job that ended or spoke in another way, by name; "" for all that was said where it is none."""
        if self.before is None or self.after is None:
            return
        before, after = self.before.parts, self.after.parts
        for name in dict.fromkeys([*before, *after]):
            was, now = before.get(name, NOTHING), after.get(name, NOTHING)
            if was.digests != now.digests or was.ending != now.ending:
                yield name, was, now


class Comparison:
    """Every host of two runs, in the order of the second, then what only the first had.

    Raises: OSError from the disk that keeps the output.
    """

    def __init__(self, before: Iterable[Event], after: Iterable[Event], spool: Spool) -> None:
        self._spool = spool
        was, now = read(before, spool), read(after, spool)
        self.hosts = [_compared(host, was.get(host), side) for host, side in now.items()]
        self.hosts += [_compared(host, side, None) for host, side in was.items() if host not in now]

    @property
    def differs(self) -> bool:
        return any(one.differs for one in self.hosts)

    def counts(self) -> dict[Change, int]:
        """How many hosts changed in each way, without ways that none did."""
        found = [one.change for one in self.hosts]
        return {change: found.count(change) for change in Change if change in found}

    def facts(self) -> list[dict[str, Any]]:
        """An object for each host."""
        return [
            {
                "host": one.host,
                "change": one.change,
                "differs": one.differs,
                "output_differs": one.output_differs,
                "before": None if one.before is None else outcome_facts(one.before.outcome),
                "after": None if one.after is None else outcome_facts(one.after.outcome),
                "steps": [_step_facts(*step) for step in one.steps() if step[0]],
            }
            for one in self.hosts
        ]

    def show(self, screen: Screen) -> None:
        """The hosts by what became of them, those with the same story together. Raises: OSError."""
        differ = Differ(self._spool)
        for change in Change:
            hosts = [one for one in self.hosts if one.change is change]
            if not hosts or change is Change.SAME:
                continue
            title = screen.paint(f"{change.words} ({len(hosts)})", _COLOURS.get(change, "1"), out=True)
            screen.write(f"{title}\n".encode())
            for alike in _alike(hosts):
                screen.write(_story(alike))
                for line in _changes(alike[0], differ):
                    screen.write(b"    " + shown_change(line, screen, raw=False))


def _compared(host: str, before: Side | None, after: Side | None) -> Compared:
    return Compared(host, _change(before, after), before, after)


def _change(before: Side | None, after: Side | None) -> Change:
    if before is None or after is None:
        return Change.NEW if before is None else Change.GONE
    was_good, is_good = not reason(before.outcome), not reason(after.outcome)
    if was_good != is_good:
        return Change.CAME_GOOD if is_good else Change.WENT_BAD
    if not is_good:
        return Change.STILL_BAD
    return Change.SAME if before.said == after.said else Change.OUTPUT


def _likeness(side: Side | None) -> tuple[object, ...]:
    return () if side is None else (side.outcome.status, reason(side.outcome), *side.said)


def _endings(side: Side | None) -> tuple[object, ...]:
    return () if side is None else side.endings


def _alike(hosts: list[Compared]) -> list[list[Compared]]:
    """Those of which the same is to be told, the most first."""
    groups: dict[tuple[object, ...], list[Compared]] = {}
    for one in hosts:
        story = (_likeness(one.before), _likeness(one.after), _endings(one.before), _endings(one.after))
        groups.setdefault(story, []).append(one)
    return sorted(groups.values(), key=lambda group: -len(group))


def _story(alike: list[Compared]) -> bytes:
    one = alike[0]
    names = fold(each.host for each in alike)
    words = [_word(side) for side in (one.before, one.after) if side is not None]
    told = "" if one.change is Change.OUTPUT else f"  {' → '.join(dict.fromkeys(words))}"
    return f"  {names}{sanitize(told)}\n".encode(errors="replace")


def _word(side: Side) -> str:
    return reason(side.outcome) or str(side.outcome.status)


def _changes(one: Compared, differ: Differ) -> Iterator[bytes]:
    for name, was, now in one.steps():
        if name:
            words = " → ".join(dict.fromkeys((_ending(was), _ending(now))))
            yield f"{name}: {words}".encode(errors="replace")
        try:
            yield from differ.hunks(was.said.stdout, now.said.stdout)
            yield from differ.hunks(was.said.stderr, now.said.stderr)
        except Incomparable as why:
            yield f"(not compared: {why})".encode()


def _ending(part: Part) -> str:
    return "not done" if part.ending is None else ": ".join(filter(None, (part.ending.word, part.ending.why)))


def _step_facts(name: str, was: Part, now: Part) -> dict[str, Any]:
    words = [None if part.ending is None else part.ending.word for part in (was, now)]
    return {"step": name, "before": words[0], "after": words[1], "output_differs": was.digests != now.digests}
