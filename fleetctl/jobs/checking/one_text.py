"""One text of a job: what is wrong with it as a template, in a place where some names are known."""

from __future__ import annotations

import re

from fleetctl.inventory.document import is_secret
from fleetctl.jobs.checking.finding import Notes, Spot
from fleetctl.jobs.checking.foreseeing import parsed
from fleetctl.jobs.checking.known import Known
from fleetctl.jobs.checking.lookups import Sure, missing
from fleetctl.jobs.checking.parsing import BadTemplateError, Parsed, shown
from fleetctl.jobs.checking.quoting import unquoted
from fleetctl.jobs.texts import Expression, Line, Template

_LOOKS_LIKE_ONE = re.compile(r"\{\{-?\s*(?:host|vars|steps|facts|run|item|index)\b[^}]*\}\}")


def check_text(notes: Notes, spot: Spot, text: str, known: Known, sure: Sure = frozenset()) -> Parsed | None:
    """Note what is wrong with a text. Returns: its tree, if it has one."""
    if not isinstance(text, Template | Expression):
        if found := _LOOKS_LIKE_ONE.search(text):
            notes.warning(spot, f"{found[0]} stays as it is: this is no template", found[0])
        return None
    try:
        tree = parsed(text)
    except BadTemplateError as bad:
        said = "is no template that can be read" if is_secret(spot.place) else f"bad template: {bad.message}"
        notes.problem(spot, said, bad.shown)
        return None
    note_missing(notes, spot, tree, known, sure)
    if isinstance(text, Line):
        for written, better in unquoted(tree):
            notes.warning(spot, f"{written} goes into the shell as it is: write {better}", written)
    return tree


def note_missing(notes: Notes, spot: Spot, tree: Parsed, known: Known, sure: Sure) -> None:
    """Note each look-up that fails; one that fails on a few hosts, and may not be come to there, is no mistake yet."""
    for one in missing(tree, known.mistake, sure):
        at = spot if spot.place else Spot(spot.file, (), one.line)
        perhaps = known.inventory.some_have(one.path) and (one.perhaps or not known.certain())
        note = notes.warning if perhaps else notes.problem
        note(at, one.why, shown(one.path))
