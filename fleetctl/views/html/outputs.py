"""What hosts said, as text that a page can show: bounded, harmless, and beside what most of them said."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import msgspec

from fleetctl.nodes import fold
from fleetctl.views.diff import Differ, Incomparable
from fleetctl.views.grouping import Group
from fleetctl.views.neutral import sanitize, sanitize_line, spell_out
from fleetctl.views.spool import Kept, Result, Spool
from fleetctl.views.step_groups import Group as StepGroup

_PAGE = 4 * 1024 * 1024
"""Bytes of output that a page shows in all, whatever the number of hosts."""
_MOST, _LEAST = 64 * 1024, 512
_MOST_CHANGES = 400
_LONGEST_NAMES = 2000
_MARKS = {"+": "new", "-": "old", "@": "at"}


class Excerpt(msgspec.Struct, frozen=True):
    """The beginning and the end of a stream, and how many bytes between them are left out."""

    head: str = ""
    left_out: int = 0
    tail: str = ""


class Change(msgspec.Struct, frozen=True):
    """A line of a diff; `kind` is old, new, at, or "" for one that is the same."""

    kind: str
    text: str


class Card(msgspec.Struct, frozen=True):
    """A group of hosts with what they said.

    Args:
        sample: one of its hosts.
        status: of the hosts, or of the step.
        changes: against what the largest group said; none where all of it says as much.
        more_changes: lines of these that are left out.
    """

    number: int
    names: str
    sample: str
    count: int
    status: str
    why: str
    stdout: Excerpt
    stderr: Excerpt
    changes: tuple[Change, ...] = ()
    more_changes: int = 0
    hint: str = ""
    is_open: bool = False


class Section(msgspec.Struct, frozen=True):
    """Cards under a heading: those of a step, or all of a run that is no job.

    Args:
        place: `step 2/7`; "" where there is but one section.
        told: how many hosts ended how, and how long it took.
        left_out: groups that have no card.
    """

    cards: tuple[Card, ...]
    place: str = ""
    name: str = ""
    told: str = ""
    left_out: int = 0


class Cards:
    """Makes the cards of one run; `count` is how many streams the page is to share its room among."""

    def __init__(self, spool: Spool, count: int) -> None:
        self._spool = spool
        self._differ = Differ(spool)
        self._room = max(_LEAST, min(_MOST, _PAGE // max(1, count)))

    def card(self, number: int, names: str, group: Group, largest: Result) -> Card:
        like = group.like
        changes = self._changes(largest, like)
        return Card(
            number=number,
            names=_short(names),
            sample=group.hosts[0],
            count=len(group.hosts),
            status=like.outcome.status,
            why=sanitize(group.why),
            stdout=self._excerpt(like.stdout),
            stderr=self._excerpt(like.stderr),
            changes=changes[:_MOST_CHANGES],
            more_changes=max(0, len(changes) - _MOST_CHANGES),
            is_open=number == 1,
        )

    def step_card(self, number: int, group: StepGroup) -> Card:
        """Of a step: what went wrong stands open."""
        like, ending = group.like, group.ending
        return Card(
            number=number,
            names=_short(fold(group.hosts)),
            sample=group.hosts[0],
            count=len(group.hosts),
            status=ending.word,
            why=sanitize(": ".join(filter(None, (ending.word, ending.why)))),
            stdout=self._excerpt(like.stdout),
            stderr=self._excerpt(like.stderr),
            hint=sanitize(ending.hint),
            is_open=not ending.is_fine,
        )

    def _excerpt(self, kept: Kept) -> Excerpt:
        """Three quarters of the room for the beginning; the end is shown only where it is known."""
        if kept.size <= self._room and not kept.omitted:
            return Excerpt(_harmless(self._spool.text(kept)))
        data = self._spool.text(kept)
        head = _to_line_end(data[: self._room * 3 // 4])
        tail = b"" if kept.omitted else _from_line_start(data[len(head) :][-self._room // 4 :])
        return Excerpt(_harmless(head), kept.size + kept.omitted - len(head) - len(tail), _harmless(tail))

    def _changes(self, largest: Result, like: Result) -> tuple[Change, ...]:
        try:
            hunks = [
                *self._differ.hunks(largest.stdout, like.stdout),
                *self._differ.hunks(largest.stderr, like.stderr),
            ]
        except Incomparable:
            return ()
        if not any(line.startswith(b" ") for line in hunks):  # they have nothing in common
            return ()
        return tuple(islice(_marked(hunks, self._room), _MOST_CHANGES * 100))


def _short(names: str) -> str:
    return names if len(names) <= _LONGEST_NAMES else f"{names[:_LONGEST_NAMES]}…"


def _marked(hunks: list[bytes], room: int) -> Iterator[Change]:
    for line in hunks:
        text = spell_out(line[:room].decode(errors="replace"))
        yield Change(_MARKS.get(text[:1], ""), text)


def _harmless(data: bytes) -> str:
    return b"\n".join(sanitize_line(line, colour=False) for line in data.split(b"\n")).decode(errors="replace")


def _to_line_end(data: bytes) -> bytes:
    return data[: data.rfind(b"\n") + 1] or data


def _from_line_start(data: bytes) -> bytes:
    return data[data.find(b"\n") + 1 :]
