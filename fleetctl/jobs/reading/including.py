"""The steps of a job file in one row, with those of the files that it includes in place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from fleetctl.errors import Problem
from fleetctl.inventory.document import Document, Limits, Place, told
from fleetctl.jobs.language import Include, Modifiers, Step
from fleetctl.jobs.reading.fields import at
from fleetctl.jobs.reading.steps import Written, read_step
from fleetctl.jobs.texts import beside

_LIMITS = Limits(mebibytes=1, values=100_000)
_MOST_STEPS = 10_000
_DEEPEST = 30
_HANDED_ON = ("when", "tags", "sudo")
"""What an include may say of the steps that it brings."""


class Library:
    """The files of one job, each read once; `documents` has them in the order in which they were met."""

    def __init__(self) -> None:
        self.documents: dict[str, Document] = {}
        self._of_yaml: dict[str, int] = {}
        self._steps = 0

    def open(self, path: Path) -> Document:
        """A file. Whether it can be read, its `problems` tell."""
        name = str(path)
        if name not in self.documents:
            self.documents[name] = Document(path, _LIMITS)
            self._of_yaml[name] = len(self.documents[name].problems)
        return self.documents[name]

    def problems(self) -> list[Problem]:
        """All of all files, line by line; what follows in its place from what is no YAML is left out."""
        found: list[Problem] = []
        for name, document in self.documents.items():
            own, others = document.problems[: self._of_yaml[name]], document.problems[self._of_yaml[name] :]
            spoilt = {(problem.line, problem.path) for problem in own}
            kept = [*own, *(problem for problem in others if (problem.line, problem.path) not in spoilt)]
            found += sorted(dict.fromkeys(kept), key=lambda problem: problem.line)
        return found

    def steps(self, document: Document, place: Place, value: Any, chain: tuple[Path, ...]) -> Iterator[Written]:
        """The steps of a list, with those that it includes.

        Args:
            chain: the files that have led here, this one last.
        """
        if not isinstance(value, list):
            document.complain(place, f"must be a list of steps, not {told(value)}")
            return
        for number, content in enumerate(value):
            self._steps += 1
            if self._steps > _MOST_STEPS:
                self._complain_of_many(document, place)
                return
            step = read_step(document, (*place, f"[{number}]"), content)
            if step is None:
                continue
            if step.include is None:
                yield step
            else:
                yield from self._included(step, step.include, chain)

    def _complain_of_many(self, document: Document, place: Place) -> None:
        if self._steps == _MOST_STEPS + 1:
            document.complain(place, f"makes more than {_MOST_STEPS:,} steps in all: do includes multiply?")

    def _included(self, written: Written, include: Include, chain: tuple[Path, ...]) -> Iterator[Written]:
        place = (*written.place, "include")
        _refuse_others(written)
        path = beside(written.step.file, include.file)
        if not path.is_file():
            written.document.complain(place, f"there is no file {path}")
            return
        same = path.resolve()
        if same in chain:
            circle = " → ".join(one.name for one in (*chain[chain.index(same) :], same))
            written.document.complain(place, f"files include each other: {circle}")
            return
        if len(chain) > _DEEPEST:
            written.document.complain(place, f"is an include in more than {_DEEPEST} others")
            return
        document = self.open(path)
        if document.value is None and document.problems:
            return
        for step in self.steps(document, (), document.value, (*chain, same)):
            yield msgspec.structs.replace(step, step=_under(written.step, step.step))


def _refuse_others(written: Written) -> None:
    said = at(written.document, written.place)
    for name in Modifiers.__struct_fields__:
        if name in said and name not in _HANDED_ON:
            hint = f"an include takes {', '.join(_HANDED_ON)}; say it in the steps of that file"
            written.document.complain((*written.place, name), f"cannot be said of an include: {hint}")


def _under(include: Step, step: Step) -> Step:
    """A step with what the include says that brings it."""
    around, how = include.how, step.how
    here = [(include.file, include.line, f"{include.path}.when[{number}]") for number in range(len(around.when))]
    modifiers = msgspec.structs.replace(
        how,
        when=(*around.when, *how.when),
        tags=tuple(dict.fromkeys((*around.tags, *how.tags))),
        sudo=around.sudo if how.sudo is None else how.sudo,
    )
    return msgspec.structs.replace(step, how=modifiers, inherited=(*here, *step.inherited))
