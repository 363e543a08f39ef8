"""The local side of a put: words of the command line become paths, and paths become a tree of entries."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence

import msgspec

from fleetctl.errors import UsageError
from fleetctl.transfer.choices import Links
from fleetctl.transfer.names import base, is_contents, join
from fleetctl.transfer.parts import is_any_part
from fleetctl.transfer.patterns import Filter, component_matches, split_pattern
from fleetctl.transfer.tree import Entry, Kind, Skipped, Tree

_DEEPEST = 100


def expand(words: Sequence[str]) -> list[str]:
    """The paths that words stand for; one that exists as it is written stands for itself. Raises: UsageError."""
    found: list[str] = []
    for word in words:
        path = os.path.expanduser(word)
        hits = [path] if os.path.lexists(path) else _matching(path)
        if not hits:
            raise UsageError(f"there is no {word}", hint="see the spelling, and what is in the directory")
        found += hits
    return found


def _matching(pattern: str) -> list[str]:
    """The paths that a pattern stands for, sorted; with `/` at its end directories alone, which keep it."""
    start, components = split_pattern(pattern)
    if not components:
        return [start] if os.path.lexists(start) else []
    found = sorted(_matches(start, components))
    return [f"{path}/" for path in found if os.path.isdir(path)] if pattern.endswith("/") else found


def _matches(start: str, components: tuple[str, ...]) -> Iterator[str]:
    """Each directory is read once, with every rest of the pattern that may match in it: no `**` multiplies the work."""
    places = [(start, {components})]
    while places:
        place, rests = places.pop()
        rests = {shorter for rest in rests for shorter in _without_stars(rest)}
        for item in _readable(place):
            left = {more for rest in rests for more in _left(item, rest)}
            path = join(place, item.name)
            if () in left:
                yield path
            if deeper := left - {()}:
                places.append((path, deeper))


def _without_stars(rest: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """`**` is also no directory at all."""
    yield rest
    while len(rest) > 1 and rest[0] == "**":
        rest = rest[1:]
        yield rest


def _left(item: os.DirEntry[str], rest: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """What is still to be matched below something that a pattern was held against; () when it is a match itself."""
    if rest[0] != "**":
        if component_matches(rest[0], item.name):
            yield rest[1:]
    elif not item.name.startswith("."):
        if len(rest) == 1:
            yield ()
        if item.is_dir(follow_symlinks=False):  # links could lead in circles
            yield rest


def _readable(directory: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory or ".") as scanned:
            return list(scanned)
    except OSError:
        return []  # what cannot be listed matches nothing, as in a shell


def gather(sources: Sequence[str], *, recursive: bool, links: Links, choice: Filter) -> Tree:
    """All that is to be sent.

    Args:
        sources: existing paths; of `dir/`, `.` and `..` the contents alone are taken.
        recursive: take directories.

    Raises: UsageError for what cannot be read, or would become the same file.
    """
    walk = _Walk(links, choice)
    named: dict[str, str] = {}
    for source in sources:
        path = "" if is_contents(source) else base(source)
        walk.take(os.path.abspath(source), path, source, recursive=recursive)
        for entry in walk.entries[len(named) :]:
            if entry.path in named:
                message = f"{named[entry.path]} and {entry.origin} would both become {entry.path}"
                raise UsageError(message, hint="one run each, to another REMOTE")
            named[entry.path] = entry.origin
    alone = sum(map(is_contents, sources)) == 1
    return Tree(tuple(walk.entries), tuple(walk.skipped), walk.mode, walk.mtime if alone else 0)


def identity(found: os.stat_result) -> int:
    """Which file it is, whatever its name: see Entry."""
    return found.st_dev << 64 | found.st_ino


class _Walk(msgspec.Struct):
    links: Links
    filter: Filter
    entries: list[Entry] = msgspec.field(default_factory=list)
    skipped: list[Skipped] = msgspec.field(default_factory=list)
    mode: int = 0o777
    mtime: int = 0

    def take(self, source: str, path: str, word: str, *, recursive: bool) -> None:
        """What the user named; a link itself is followed."""
        try:
            found = os.stat(source)
        except OSError as error:
            raise _unreadable(word, error) from error
        if stat.S_ISDIR(found.st_mode):
            if not recursive:
                raise UsageError(f"{word} is a directory", hint="add -r")
            if path:
                self.entries.append(_entry(path, "directory", found, source))
            else:
                self.mode &= found.st_mode
                self.mtime = int(found.st_mtime)
            above = ((found.st_dev, found.st_ino),)
            self._inside(source, path, "", above)
        elif stat.S_ISREG(found.st_mode):
            self._file(path or base(source), found, source, source)
        else:
            raise UsageError(f"{word} is not a regular file")

    def _inside(self, source: str, path: str, below: str, above: tuple[tuple[int, int], ...]) -> None:
        """What is in a directory. `below`: its path as filters see it; `above`: it and those that it is in."""
        if len(above) > _DEEPEST:
            raise UsageError(f"{source} is more than {_DEEPEST} directories deep")
        try:
            where = f"{source.rstrip('/')}/"
            with os.scandir(source) as scanned:
                inside = sorted(scanned, key=lambda item: item.name)
        except OSError as error:
            raise _unreadable(source, error) from error
        for item in inside:
            try:
                self._one(item, where, join(path, item.name), join(below, item.name), above)
            except OSError as error:  # a directory may be listed by somebody who may not enter it
                raise _unreadable(item.path, error) from error

    def _one(
        self, item: os.DirEntry[str], where: str, path: str, below: str, above: tuple[tuple[int, int], ...]
    ) -> None:
        if is_any_part(item.name):
            self.skipped.append(Skipped(path, "a part of an interrupted transfer"))
            return
        found = item.stat(follow_symlinks=False)
        is_link = stat.S_ISLNK(found.st_mode)
        if is_link and self.links == "follow":
            try:
                found = item.stat()
            except OSError:
                self.skipped.append(Skipped(path, "a link that leads nowhere"))
                return
            is_link = False
        mode = found.st_mode
        if stat.S_ISDIR(mode):
            self._directory(item, path, below, found, above)
        elif self.filter.excludes(below, directory=False):
            return
        elif is_link:
            self._link(item.path, path, found)
        elif stat.S_ISREG(mode):
            self._file(path, found, where, item.path)
        else:
            self.skipped.append(Skipped(path, "not a regular file"))

    def _directory(
        self,
        item: os.DirEntry[str],
        path: str,
        below: str,
        found: os.stat_result,
        above: tuple[tuple[int, int], ...],
    ) -> None:
        identity = (found.st_dev, found.st_ino)
        if identity in above:
            self.skipped.append(Skipped(path, "a link to a directory that it is in"))
            return
        excluded = self.filter.excludes(below, directory=True)
        if excluded and not self.filter.descends:
            return
        place = len(self.entries)
        self._inside(item.path, path, below, (*above, identity))
        if not excluded or len(self.entries) > place:
            self.entries.insert(place, _entry(path, "directory", found, item.path))

    def _link(self, source: str, path: str, found: os.stat_result) -> None:
        if self.links == "skip":
            self.skipped.append(Skipped(path, "a link"))
            return
        self.entries.append(Entry(path, "link", mtime=int(found.st_mtime), source=source, target=os.readlink(source)))

    def _file(self, path: str, found: os.stat_result, source: str, whole: str) -> None:
        if not os.access(whole, os.R_OK):
            raise UsageError(f"cannot read {whole}: permission denied")
        self.entries.append(_entry(path, "file", found, source))


def _entry(path: str, kind: Kind, found: os.stat_result, source: str) -> Entry:
    mtime, mode = int(found.st_mtime), stat.S_IMODE(found.st_mode)
    if kind == "directory":
        return Entry(path, kind, mtime=mtime, mode=mode, source=source)
    return Entry(path, kind, found.st_size, mtime, mode, source, identity=identity(found))


def _unreadable(path: str, error: OSError) -> UsageError:
    return UsageError(f"cannot read {path}: {(error.strerror or '').lower()}")
