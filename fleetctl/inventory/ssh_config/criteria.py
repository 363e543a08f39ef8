"""The criteria of a Match line. One that cannot be judged never counts as met: what it guards stays out, told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from fleetctl.inventory.ssh_config.lines import Line
from fleetctl.inventory.ssh_config.patterns import Match, list_matcher
from fleetctl.inventory.ssh_config.tokens import ALL, Tokens, expand_command, local_user

_ALONE = {"all", "canonical", "final"}
_KNOWN = {*_ALONE, "exec", "host", "localuser", "originalhost", "tagged", "user"}
_KNOWN_TO_SSH = {"command", "localnetwork", "sessiontype", "version"}


class Criterion(msgspec.Struct, frozen=True):
    """`user deploy` of a Match line.

    Args:
        negated: whether a `!` stands before it.
        matches: tells whether a text is what the argument asks for.
    """

    kind: str
    argument: str
    negated: bool
    line: Line
    matches: Match


class Known(Protocol):
    """What is known of a host when a Match line is reached."""

    @property
    def tag(self) -> str: ...
    def tokens(self) -> Tokens: ...


def parse(line: Line) -> tuple[Criterion, ...]:
    """The criteria of a line, those that cannot be judged last. Raises: ValueError."""
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
        patterns = argument.lower() if kind in {"host", "originalhost"} else argument
        found.append(Criterion(kind, argument, negated, line, list_matcher(patterns)))
    if not found:
        raise ValueError("Match needs a criterion")
    return tuple(sorted(found, key=lambda one: one.kind not in _KNOWN))


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
    for one in criteria:
        if one.kind not in _KNOWN:
            said = "" if one.kind in _KNOWN_TO_SSH else ", which is no criterion known to it"
            tell(one.line, f"fleetctl cannot judge `Match {one.kind}`{said}: what follows does not count")
            return False
        holds = _succeeds(one, known, run) if one.kind == "exec" else _matches(one, known, final)
        if isinstance(holds, str):
            tell(one.line, f"Match exec: {holds}: what follows does not count")
            return False
        if holds == one.negated:
            return False
    return True


def _matches(one: Criterion, known: Known, final: bool) -> bool:
    if one.kind in _ALONE:
        return one.kind == "all" or final
    return bool(one.matches(_SUBJECTS[one.kind](known)))


def _succeeds(one: Criterion, known: Known, run: Callable[[str], bool | str]) -> bool | str:
    try:
        return run(expand_command(one.argument, known.tokens(), ALL))
    except ValueError as error:
        return str(error)


_SUBJECTS: dict[str, Callable[[Known], str]] = {
    "host": lambda known: known.tokens().host,
    "originalhost": lambda known: known.tokens().name.lower(),
    "user": lambda known: known.tokens().user,
    "localuser": lambda _: local_user(),
    "tagged": lambda known: known.tag,
}
