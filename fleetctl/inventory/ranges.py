"""Host names and ranges such as `web[01-20].example.com`, with a bound on what a range may stand for."""

from __future__ import annotations

import re

from fleetctl.nodes import FILE, NAME, expand, parts

_MAX_NAMES = 100_000
_SPAN = re.compile(r"\s*(-?[0-9]+)\s*-\s*(-?[0-9]+)\s*(?:/\s*([0-9]+)\s*)?")
_BRACKETS = re.compile(r"\[([^\[\]]*)\]")


def names_in(pattern: str) -> list[str]:
    """The host names of names and ranges between commas, as they come; a range counts up.

    Raises: ValueError when it cannot be read, stands for too many, or a name is not allowed.
    """
    if NAME.fullmatch(pattern):
        return [pattern]
    check_size(pattern)
    names = expand(pattern) or [pattern]
    for name in names:
        if not NAME.fullmatch(name):
            raise ValueError(f"{name!r} cannot be a host's name: use letters, digits, '.', '-', '_' and ':'")
    return names


def check_size(pattern: str) -> None:
    """Raises: ValueError when the ranges of a pattern stand for more names than a fleet can have."""
    total = 0
    for _, term in parts(pattern):
        if term.startswith(FILE):
            continue  # brackets are part of its name
        size = 1
        for inside in _BRACKETS.findall(term):
            size = min(_MAX_NAMES + 1, size * sum(map(_span, inside.split(","))))
        total += size
        if total > _MAX_NAMES:
            raise ValueError(f"{pattern!r} stands for more than {_MAX_NAMES:,} hosts")


def _span(text: str) -> int:
    if "-" not in text.strip()[1:]:
        return 1
    match = _SPAN.fullmatch(text)
    if match is None:
        raise ValueError(f"[{text}] is no range: write [01-20], or [01-20/2] for every second")
    step = int(match[3] or 1) or 1
    return max(0, (int(match[2]) - int(match[1])) // step + 1)
