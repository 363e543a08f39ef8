"""Globs as shells have them, and the filters of --exclude and --include as rsync has them; names only, no files."""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

_SPECIAL = re.compile(r"\\.|[*?\[]", re.DOTALL)
_TOKEN = re.compile(
    r"\*+|\[(?P<negated>[!^]?+)(?P<members>(?:\\.|[^\\])(?:\\.|[^\]\\])*)\]|\\.|.",
    re.DOTALL,
)
"""A `]` that stands first in a set is one of its members; a set that never ends is a bracket."""
_MEMBER = re.compile(r"\\?(?P<low>.)-\\?(?P<high>.)|\\?(?P<one>.)", re.DOTALL)


def is_pattern(text: str) -> bool:
    """Whether it has a `*`, `?` or `[` that no backslash takes the meaning from."""
    return any(len(match[0]) == 1 for match in _SPECIAL.finditer(text))


def unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def component_matches(pattern: str, name: str, *, dotfiles: bool = False) -> bool:
    """Whether one component of a path matches; a leading dot only where it is written, but with `dotfiles`."""
    if name.startswith(".") and not dotfiles and not pattern.startswith((".", "\\.")):
        return False
    return _compiled(pattern).fullmatch(name) is not None


def split_pattern(path: str) -> tuple[str, tuple[str, ...]]:
    """The fixed directory that a pattern begins with, and the components from its first special one on.

    `/var/log/**/*.log` is `/var/log` and (`**`, `*.log`).
    """
    components = path.split("/")
    first = next((n for n, part in enumerate(components) if is_pattern(part)), len(components))
    fixed = "/".join(map(unescaped, components[:first]))
    rest = tuple(part for part in components[first:] if part)
    return (fixed or "/") if path.startswith("/") else fixed, rest


class Filter(msgspec.Struct, frozen=True):
    """What is left out of a tree.

    A pattern without `/` is compared with every name, one with `/` with the path from the top of the tree on; `**`
    goes through directories, and one with `/` at its end is for directories alone. `include` wins over `exclude`;
    alone it takes only what it names. What is in a directory that is left out is left out too, unless included.
    """

    exclude: tuple[str, ...] = ()
    include: tuple[str, ...] = ()

    def excludes(self, path: str, *, directory: bool) -> bool:
        if self._matches(self.include, path, directory=directory):
            return False
        if self.include and not self.exclude:
            return True  # a directory is made again when something in it is taken
        return self._matches(self.exclude, path, directory=directory)

    @property
    def descends(self) -> bool:
        """Whether something in a directory that is left out may be wanted all the same."""
        return bool(self.include)

    def _matches(self, patterns: tuple[str, ...], path: str, *, directory: bool) -> bool:
        """The path itself, or a directory that it is in."""
        if not patterns:
            return False
        parts = path.split("/")
        for end in range(len(parts), 0, -1):
            inside = end < len(parts)
            if any(_matches(pattern, "/".join(parts[:end]), directory=directory or inside) for pattern in patterns):
                return True
        return False


def _matches(pattern: str, path: str, *, directory: bool) -> bool:
    if pattern.endswith("/"):
        if not directory:
            return False
        pattern = pattern.rstrip("/")
    if "/" not in pattern:
        return component_matches(pattern, path.rpartition("/")[2], dotfiles=True)
    return _path_matches(tuple(part for part in pattern.split("/") if part), tuple(path.split("/")))


def _path_matches(pattern: tuple[str, ...], path: tuple[str, ...]) -> bool:
    """By a row of possibilities per component, so that many `**` cost no more than their number."""
    reached = {0}
    for name in (*path, None):
        while True:  # `**` is also no directory at all
            more = {n + 1 for n in reached if n < len(pattern) and pattern[n] == "**"} - reached
            if not more:
                break
            reached |= more
        if name is None:
            return len(pattern) in reached
        reached = {n for n in reached if n < len(pattern) and pattern[n] == "**"} | {
            n + 1
            for n in reached
            if n < len(pattern) and pattern[n] != "**" and component_matches(pattern[n], name, dotfiles=True)
        }
    return False


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    """As fnmatch, with backslashes; a run of stars is one, and none can be tried in more than one way for long."""
    return re.compile("".join(_possessive([_translated(token) for token in _TOKEN.finditer(pattern)])), re.DOTALL)


def _translated(token: re.Match[str]) -> str:
    if token["members"]:
        return _set(token["members"], negated=bool(token["negated"]))
    if token[0].startswith("*"):
        return ".*"
    return "." if token[0] == "?" else re.escape(unescaped(token[0]))


def _possessive(parts: list[str]) -> list[str]:
    """Each star takes the shortest that lets what follows match, and does not try again (as fnmatch does)."""
    pieces: list[list[str]] = [[]]
    for part in parts:
        if part == ".*":
            pieces.append([])
        else:
            pieces[-1].append(part)
    head, *rest = ["".join(piece) for piece in pieces]
    if not rest:
        return [head]
    *middle, tail = rest
    return [head, *(f"(?>.*?{piece})" for piece in middle), ".*", tail]


def _set(members: str, *, negated: bool) -> str:
    inside = "".join(map(_member, _MEMBER.finditer(members)))
    if not inside:
        return "." if negated else "(?!)"
    return f"[{'^' if negated else ''}{inside}]"


def _member(match: re.Match[str]) -> str:
    """One character, or a range; one that runs backwards holds nothing."""
    if match["one"]:
        return re.escape(match["one"])
    return f"{re.escape(match['low'])}-{re.escape(match['high'])}" if match["low"] <= match["high"] else ""
