"""The criteria of a Match line. One that cannot be judged never counts as met: what it guards stays out, told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from fleetctl.inventory.ssh_config.lines import Line
from fleetctl.inventory.ssh_config.patterns import in_list
from fleetctl.inventory.ssh_config.tokens import ALL, Tokens, expand_command, local_user

_ALONE = {"all", "canonical", "final"}
_JUDGED = {"exec", "host", "localuser", "originalhost", "tagged", "user"}
_KNOWN_TO_SSH = {"command", "localnetwork", "sessiontype", "version"}


class Criterion(msgspec.Struct, frozen=True):
    """`user deploy` of a Match line; `negated` where a `!` stands before it."""

    kind: str
    argument: str
    negated: bool
    line: Line


class Known(Protocol):
    """What is known of a host when a Match line is reached."""

    @property
    def tag(self) -> str: ...
    def tokens(self) -> Tokens: ...


def parse(line: Line) -> tuple[Criterion, ...]:
    """Raises: ValueError."""
    found: list[Criterion] = []
    words = [*line.words]
    while words:
        word, equals, argument = words.pop(0).partition("=")
        negated = word.startswith("!")
        kind = word[negated:].lower()
        if kind == "all" and (words or len(found) > 1):
            raise ValueError("Match: `all` stands alone, or behind `final` or `canonical`")
        if kind not in _ALONE and not equals:
            if not words:
                raise ValueError(f"Match: {kind} needs an argument")
            argument = words.pop(0)
        found.append(Criterion(kind, argument, negated, line))
    if not found:
        raise ValueError("Match needs a criterion")
    return tuple(found)


def met(
    criteria: tuple[Criterion, ...],
    known: Known,
    final: bool,
    run: Callable[[str], bool | str],
    tell: Callable[[Line, str], None],
) -> bool:
    """Whether all of them hold.

    Args:
        final: whether this is the second reading, that `final` and `canonical` ask for.
        run: runs a command, and says whether it succeeds, or why that is not known.
        tell: takes a warning; of what cannot be judged only where all else holds.
    """
    judged = [one for one in criteria if one.kind in _JUDGED | _ALONE]
    for one in judged:
        if not _holds(one, known, final, run, tell):
            return False
    for one in criteria:
        if one.kind not in _JUDGED | _ALONE:
            said = "" if one.kind in _KNOWN_TO_SSH else ", which is no criterion known to it"
            tell(one.line, f"fleetctl cannot judge `Match {one.kind}`{said}: what follows does not count")
            return False
    return True


def _holds(
    one: Criterion,
    known: Known,
    final: bool,
    run: Callable[[str], bool | str],
    tell: Callable[[Line, str], None],
) -> bool:
    if one.kind == "exec":
        ended = _succeeds(one, known, run)
        if isinstance(ended, str):
            tell(one.line, f"Match exec: {ended}: what follows does not count")
            return False
        return ended != one.negated
    return _matches(one, known, final) != one.negated


def _matches(one: Criterion, known: Known, final: bool) -> bool:
    match one.kind:
        case "all":
            return True
        case "final" | "canonical":
            return final
        case "host" | "originalhost":
            tokens = known.tokens()
            return in_list((tokens.host if one.kind == "host" else tokens.name).lower(), one.argument.lower())
        case "user" | "localuser":
            return in_list(known.tokens().user if one.kind == "user" else local_user(), one.argument)
        case _:
            return in_list(known.tag, one.argument)


def _succeeds(one: Criterion, known: Known, run: Callable[[str], bool | str]) -> bool | str:
    try:
        return run(expand_command(one.argument, known.tokens(), ALL))
    except ValueError as error:
        return str(error)
