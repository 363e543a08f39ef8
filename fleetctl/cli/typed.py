"""What was typed: by whoever called fleetctl, or again by `fleetctl rerun` for a run that goes on with another."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec


class Typed(msgspec.Struct, frozen=True):
    """The words of a command, and where they stood.

    Args:
        argv: after `fleetctl`; for what is done again, those that were typed at first.
        directory: where; "" when it is gone.
        parent: the run that is gone on with, or "".
        inventory: what the inventory was then, as a digest; "" where nobody knows.
    """

    argv: tuple[str, ...]
    directory: str
    parent: str = ""
    inventory: str = ""


def typed() -> Typed:
    """Of the command that is being carried out."""
    context = click.get_current_context(silent=True)
    again = None if context is None else context.find_object(Typed)
    return again or Typed(tuple(sys.argv[1:]), _directory())


def _directory() -> str:
    try:
        return str(Path.cwd())
    except OSError:  # it was removed
        return ""
