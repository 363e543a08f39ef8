"""All text of a job that may hold templates, each with its place and the kind of text that it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from fleetctl.inventory.document import Place
from fleetctl.jobs.language import Modifiers, Set, Step
from fleetctl.jobs.texts import Expression, Template

JUDGING = ("until", "changed_when", "failed_when")
"""Where a step sees its own `result`."""

_ASKED_FIRST = ("loop", "when")
_ASKED_APART = (*_ASKED_FIRST, *JUDGING, "env", "cwd")


class Text(msgspec.Struct, frozen=True):
    """A template or an expression, or a word that is neither; `place` begins at the step."""

    place: Place
    text: str


def of_action(step: Step) -> Iterator[Text]:
    """What its action says."""
    if step.action is not None:
        key = str(step.action.__struct_config__.tag)
        if isinstance(step.action, Set):
            yield from inside((key,), step.action.values)
            return
        for name in step.action.__struct_fields__:
            yield from inside((key, name), getattr(step.action, name), templates=False)


def of_modifiers(how: Modifiers) -> Iterator[Text]:
    """What it says of itself besides its loop, its conditions, its environment and its directory."""
    for name in how.__struct_fields__:
        if name not in _ASKED_APART:
            yield from inside((name,), getattr(how, name), templates=False)


def inside(place: Place, value: Any, *, templates: bool = True) -> Iterator[Text]:
    """The text in a value.

    Args:
        templates: a plain word is a template as well.
    """
    match value:
        case Template() | Expression():
            yield Text(place, value)
        case str():
            yield Text(place, Template(value) if templates else value)
        case dict():
            for key, one in value.items():
                yield from inside((*place, key), one, templates=templates)
        case msgspec.Struct():
            for key in value.__struct_fields__:
                yield from inside((*place, key), getattr(value, key), templates=templates)
        case list() | tuple():
            for number, one in enumerate(value):
                yield from inside((*place, f"[{number}]"), one, templates=templates)
