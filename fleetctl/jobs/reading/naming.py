"""What the steps of a job are called: each name once, and those that have none after their action."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from fleetctl.jobs.language import Step
from fleetctl.jobs.reading.steps import Written


def named(steps: Iterable[Written]) -> list[Step]:
    """The steps with their names. Two that are given the same are told; a file may be included twice, though."""
    everything = list(steps)
    first: dict[str, Written] = {}
    for one in everything:
        if name := one.step.name:
            other = first.setdefault(name, one)
            if (other.document.path, other.place) != (one.document.path, one.place):
                where = f"{other.step.file}:{other.document.line((*other.place, 'name'))}"
                one.document.complain((*one.place, "name"), f"{name!r} is the name of another step, at {where}")
    taken = dict.fromkeys(first, 1)
    return [
        msgspec.structs.replace(one.step, name=_name(one, one is first.get(one.step.name), taken)) for one in everything
    ]


def _name(one: Written, is_first: bool, taken: dict[str, int]) -> str:
    wanted = one.step.name or one.label
    if is_first:
        return wanted
    if wanted not in taken:
        taken[wanted] = 1
        return wanted
    while (numbered := f"{wanted} ({taken[wanted] + 1})") in taken:
        taken[wanted] += 1
    taken[wanted] += 1
    taken[numbered] = 1
    return numbered
