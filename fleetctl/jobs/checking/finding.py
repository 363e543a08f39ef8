"""What is found in a job, each with its line: the files are read again for that, and only when there is something."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import msgspec

from fleetctl.errors import Problem
from fleetctl.inventory.document import Document, Place, written
from fleetctl.jobs.language import Step
from fleetctl.jobs.reading.including import Library

_KEYS = re.compile(r"[^.\[]+|\[\d+\]")


class Findings(msgspec.Struct, frozen=True):
    """In the order of the files. A job with warnings alone can be played."""

    problems: list[Problem] = []
    warnings: list[Problem] = []


class Spot(msgspec.Struct, frozen=True):
    """Where something stands. `line`: where it is told when the file cannot be read again, as a pipe cannot."""

    file: str
    place: Place = ()
    line: int = 1

    def at(self, *keys: str) -> Spot:
        return Spot(self.file, (*self.place, *keys), self.line)


def spot_of(step: Step) -> Spot:
    return _spot(step.file, step.line, step.path)


def spots_of_conditions(step: Step) -> list[Spot]:
    """Of each of its conditions: the first ones may be those of includes."""
    own = range(len(step.how.when) - len(step.inherited))
    return [*(_spot(*one) for one in step.inherited), *(spot_of(step).at("when", f"[{number}]") for number in own)]


def _spot(file: str, line: int, path: str) -> Spot:
    return Spot(file, tuple(_KEYS.findall(path)), line)


class Notes:
    """Takes what is found."""

    def __init__(self) -> None:
        self._library = Library()
        self._lines: dict[Path, list[str]] = {}
        self._problems: list[Problem] = []
        self._warnings: list[Problem] = []

    @property
    def problems(self) -> int:
        """How many there are so far."""
        return len(self._problems)

    def problem(self, spot: Spot, message: str, offending: str = "") -> None:
        """At the first line from that of the spot on that has the offending text."""
        self._problems.append(self._located(spot, message, offending))

    def warning(self, spot: Spot, message: str, offending: str = "") -> None:
        self._warnings.append(self._located(spot, message, offending))

    def findings(self, files: Iterable[str]) -> Findings:
        """All of it, in the order of these files."""
        order = {Path(file): number for number, file in enumerate(dict.fromkeys(files))}

        def in_order(found: list[Problem]) -> list[Problem]:
            return sorted(dict.fromkeys(found), key=lambda one: (order.get(one.file, len(order)), one.line))

        return Findings(in_order(self._problems), in_order(self._warnings))

    def _located(self, spot: Spot, message: str, offending: str) -> Problem:
        if not spot.place:
            return Problem(Path(spot.file), spot.line, "", message)
        document = self._library.open(Path(spot.file))
        if document.value is None:
            return Problem(document.path, spot.line, written(spot.place), message)
        there = _existing(document, spot.place)
        line = self._line_of(document, document.line(there), offending)
        return Problem(document.path, line, written(there), message)

    def _line_of(self, document: Document, first: int, offending: str) -> int:
        if not offending:
            return first
        if document.path not in self._lines:
            self._lines[document.path] = document.data.decode(errors="replace").splitlines()
        wanted = re.compile(rf"(?<![\w.]){re.escape(offending)}(?!\w)")
        following = enumerate(self._lines[document.path][first - 1 :], first)
        return next((number for number, line in following if wanted.search(line)), first)


def _existing(document: Document, place: Place) -> Place:
    """As much of a place as the file has: one word may stand for a list, or for a mapping."""
    value = document.value
    for length, key in enumerate(place):
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.startswith("[") and int(key[1:-1]) < len(value):
            value = value[int(key[1:-1])]
        else:
            return place[:length]
    return place
