"""Patterns of ssh_config(5): `*` and `?` are wild, all else is itself, `!` before one takes out what it matches."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

Match = Callable[[str], object]
_WILD = r"\*+|\?"


def matcher(pattern: str) -> Match:
    """What tells whether a whole text matches one pattern, which begins with no `!`."""
    if pattern.strip("*") == "":
        return (lambda _: True) if pattern else (lambda text: not text)
    if not re.search(_WILD, pattern):
        return pattern.__eq__
    pieces = re.split(r"(\*+|\?)", pattern)
    wild = {"*": ".*", "?": "."}
    return re.compile("".join(wild.get(piece[:1]) or re.escape(piece) for piece in pieces), re.DOTALL).fullmatch


def list_matcher(patterns: str) -> Match:
    """What tells whether a text matches one of the patterns between commas, and none of those with `!`."""
    words = patterns.split(",")
    wanted = [matcher(word) for word in words if not word.startswith("!")]
    unwanted = [matcher(word[1:]) for word in words if word.startswith("!")]
    if len(wanted) == 1 and not unwanted:
        return wanted[0]
    return lambda text: any(match(text) for match in wanted) and not any(match(text) for match in unwanted)


class HostPatterns:
    """The patterns of many Host lines: which of the lines are about a name. A plain name is looked up, not searched."""

    def __init__(self) -> None:
        self._all: list[int] = []
        self._plain: dict[str, list[int]] = {}
        # By the letters they begin with or, where they begin with a wildcard, end with; with the longest letters in
        # them, which are sought at a tenth of what a regular expression costs.
        self._wild: dict[str, list[tuple[str, Match, int]]] = {}
        self._wild_end: dict[str, list[tuple[str, Match, int]]] = {}
        self._except: dict[int, list[Match]] = {}

    def add(self, number: int, patterns: Iterable[str]) -> None:
        """Take the patterns of the line with this number."""
        for pattern in patterns:
            if pattern.startswith("!"):
                self._except.setdefault(number, []).append(matcher(pattern[1:]))
            elif pattern and not pattern.strip("*"):
                self._all.append(number)
            elif re.search(_WILD, pattern):
                self._add_wild(number, pattern)
            else:
                self._plain.setdefault(pattern, []).append(number)

    def _add_wild(self, number: int, pattern: str) -> None:
        pieces = re.split(_WILD, pattern)
        index, key = (self._wild, pieces[0]) if pieces[0] else (self._wild_end, pieces[-1])
        index.setdefault(key, []).append((max(pieces, key=len), matcher(pattern), number))

    def about(self, name: str) -> set[int]:
        """The numbers of the lines that match a name."""
        return self._without_excepted(name, {*self._all, *self._named(name)})

    def single_out(self, name: str) -> bool:
        """Whether a line is about this name by more than a `*` alone."""
        return bool(self._without_excepted(name, set(self._named(name))))

    def _named(self, name: str) -> list[int]:
        found = list(self._plain.get(name, ()))
        for place in range(len(name) + 1):
            for likely in (self._wild.get(name[:place]), self._wild_end.get(name[place:])):
                found += [number for letters, match, number in likely or () if letters in name and match(name)]
        return found

    def _without_excepted(self, name: str, found: set[int]) -> set[int]:
        if not self._except:
            return found
        return {number for number in found if not any(match(name) for match in self._except.get(number, ()))}
