"""Patterns of ssh_config(5): `*` and `?` are wild, all else is itself, `!` before one takes out what it matches."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

Match = Callable[[str], object]
_WILD = re.compile(r"\*+|\?")


@lru_cache(4096)
def matcher(pattern: str) -> Match:
    """What tells whether a whole text matches one pattern, which begins with no `!`."""
    if pattern.strip("*") == "":
        return (lambda _: True) if pattern else (lambda text: not text)
    if not _WILD.search(pattern):
        return pattern.__eq__
    pieces = re.split(r"(\*+|\?)", pattern)
    wild = {"*": ".*", "?": "."}
    return re.compile("".join(wild.get(piece[:1]) or re.escape(piece) for piece in pieces), re.DOTALL).fullmatch


def in_list(text: str, patterns: str) -> bool:
    """Whether a text matches one of the patterns between commas, and none of those with `!`."""
    return in_patterns(text, patterns.split(","))


def in_patterns(text: str, patterns: Iterable[str]) -> bool:
    found = False
    for pattern in patterns:
        unwanted = pattern.startswith("!")
        if matcher(pattern[unwanted:])(text):
            if unwanted:
                return False
            found = True
    return found


class HostPatterns:
    """The patterns of many Host lines: which of the lines are about a name. A plain name is looked up, not searched."""

    def __init__(self) -> None:
        self._all: list[int] = []
        self._plain: dict[str, list[int]] = {}
        self._wild: list[tuple[Match, int]] = []
        self._except: dict[int, list[Match]] = {}

    def add(self, number: int, patterns: Iterable[str]) -> None:
        """Take the patterns of the line with this number."""
        for pattern in patterns:
            if pattern.startswith("!"):
                self._except.setdefault(number, []).append(matcher(pattern[1:]))
            elif pattern and not pattern.strip("*"):
                self._all.append(number)
            elif _WILD.search(pattern):
                self._wild.append((matcher(pattern), number))
            else:
                self._plain.setdefault(pattern, []).append(number)

    def about(self, name: str) -> set[int]:
        """The numbers of the lines that match a name."""
        return self._without_excepted(name, {*self._all, *self._named(name)})

    def single_out(self, name: str) -> bool:
        """Whether a line is about this name by more than a `*` alone."""
        return bool(self._without_excepted(name, set(self._named(name))))

    def _named(self, name: str) -> list[int]:
        return [*self._plain.get(name, ()), *(number for match, number in self._wild if match(name))]

    def _without_excepted(self, name: str, found: set[int]) -> set[int]:
        if not self._except:
            return found
        return {number for number in found if not any(match(name) for match in self._except.get(number, ()))}
