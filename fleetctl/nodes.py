"""Host names as a set on one line: `web[01-20]`, folded and expanded, with ranges as ClusterShell has them.

One range at a time: a NodeSet of names with several numbers each (10.x.y.z, racks) compares its members pairwise
unless they form rectangles, and 500 random addresses take it ten seconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet, NodeSetException
from ClusterShell.RangeSet import RangeSet

NAME = re.compile(r"(?:[A-Za-z0-9_]|::)[A-Za-z0-9._:-]*")
"""What a host may be called, IPv6 addresses included: nothing that a shell, a path or a target would take for more."""

OPERATORS = ",&!^"
FILE = "^"
"""What a term begins with that names a file of names."""
_TERM = re.compile(
    rf"""\s* (?: \^\s* (?: "[^"]*"\s* | '[^']*'\s* | [^{OPERATORS}]+ )  # brackets and spaces belong to a file's name
          | (?: \[[^\]]*\]? | [^\[{OPERATORS}] )+ )""",
    re.VERBOSE,
)
# RangeSet takes no number of more than 100 digits; no machine counts so far, and a longer one is as good as a word.
_NUMBER = re.compile(r"(?<![0-9])([0-9]{1,99})(?![0-9])")

Numbers = tuple[str, ...]
"""The numbers of a name, in order; a range in brackets once names are put together."""


def fold(names: Iterable[str]) -> str:
    """One line that stands for all the names, sorted: `db01,web[01-20]`. Names must match NAME."""
    shapes: dict[Numbers, set[Numbers]] = {}
    for name in names:
        pieces = _NUMBER.split(name)
        shapes.setdefault(tuple(pieces[::2]), set()).add(tuple(pieces[1::2]))
    return ",".join(_joined(words, numbers) for words in sorted(shapes) for numbers in _together(shapes[words]))


def expand(pattern: str) -> list[str]:
    """The names that words and ranges between commas stand for, as they come; a range counts up.

    Raises: ValueError when it cannot be read.
    """
    if not pattern:
        return []
    terms = parts(pattern)
    for operator, term in terms:
        if operator != ",":
            raise ValueError(f"{operator}{term}: only commas may stand between names and ranges")
    return list(dict.fromkeys(name for _, term in terms for name in _expanded(term)))


def parts(expression: str) -> list[tuple[str, str]]:
    """The terms of an expression, each with the operator before it, `,` before the first. Brackets hide operators.

    A `^` where a term is expected begins the name of a file, in quotes where operators are in it: `@web,^"a,b"`.
    Raises: ValueError when a term is missing.
    """
    found: list[tuple[str, str]] = []
    operator, place = ",", 0
    while True:
        match = _TERM.match(expression, place)
        if match is None or not (term := match[0].strip()):
            raise ValueError(f"something is missing before or after one of {' '.join(OPERATORS)}")
        found.append((operator, term))
        place = match.end()
        if place == len(expression):
            return found
        operator = expression[place]
        if operator not in OPERATORS:
            raise ValueError(f"{term} ends at its quote, and {operator} follows")
        place += 1


def _expanded(term: str) -> Iterable[str]:
    if "[" not in term and "]" not in term:
        return [term]
    try:
        return list(NodeSet(term, resolver=RESOLVER_NOGROUP))
    except NodeSetException as error:
        raise ValueError(str(error)) from error


def _together(vectors: set[Numbers]) -> list[Numbers]:
    """Names of one shape put together in ranges, one place after the other, the one that saves most lines first."""
    left = sorted(vectors, key=lambda vector: [(len(number), number) for number in vector])
    places = range(len(left[0]))
    for place in sorted(places, key=lambda place: (len({_others(vector, place) for vector in vectors}), -place)):
        left = _along(place, left)
    return left


def _along(place: int, vectors: Iterable[Numbers]) -> list[Numbers]:
    rows: dict[Numbers, list[str]] = {}
    for vector in vectors:
        rows.setdefault(_others(vector, place), []).append(vector[place])
    return [(*others[:place], _range(numbers), *others[place:]) for others, numbers in rows.items()]


def _others(vector: Numbers, place: int) -> Numbers:
    return vector[:place] + vector[place + 1 :]


def _range(numbers: list[str]) -> str:
    if len(numbers) == 1:
        return numbers[0]
    folded = RangeSet()
    folded.update(numbers)
    return f"[{folded}]"


def _joined(words: Numbers, numbers: Numbers) -> str:
    return "".join(word + number for word, number in zip(words, (*numbers, ""), strict=True))
