"""What was typed: by whoever called fleetctl, or again by `fleetctl rerun` for a run that goes on with another."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import msgspec

from fleetctl.jobs.sequence import Point


class Typed(msgspec.Struct, frozen=True):
    """The words of a command, and where they stood.

    Args:
        argv: after `fleetctl`; for what is done again, those that were typed at first.
        directory: where; "" when it is gone.
        parent: the run that is gone on with, or "".
        inventory: a digest of it, with all the hosts that were named beside it at first; "" where it is to be made.
        points: where hosts go on with a job; those that are not here begin at its beginning.
    """

    argv: tuple[str, ...]
    directory: str
    parent: str = ""
    inventory: str = ""
    points: dict[str, Point] = {}


_again: ContextVar[Typed | None] = ContextVar("typed", default=None)


def typed() -> Typed:
    """Of the command that is being carried out."""
    return _again.get() or Typed(tuple(sys.argv[1:]), _directory())


@contextmanager
def typed_again(words: Typed) -> Iterator[None]:
    """Inside the block these count as typed."""
    token = _again.set(words)
    try:
        yield
    finally:
        _again.reset(token)


def _directory() -> str:
    try:
        return str(Path.cwd())
    except OSError:  # it was removed
        return ""
