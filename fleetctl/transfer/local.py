"""The local side of a put: words of the command line become paths, and paths become a tree of entries."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field

from fleetctl.errors import UsageError
from fleetctl.transfer.choices import Links
from fleetctl.transfer.names import base, is_contents, join
from fleetctl.transfer.patterns import Filter
from fleetctl.transfer.tree import Entry, Kind, Skipped, Tree

_DEEPEST = 100


def expand(words: Sequence[str]) -> list[str]:
    """The paths that words stand for; one that exists as it is written stands for itself. Raises: UsageError."""
    found: list[str] = []
    for word in words:
        path = os.path.expanduser(word)
        hits = [path] if os.path.lexists(path) else sorted(glob.glob(path, recursive=True))
        if not hits:
            raise UsageError(f"there is no {word}", hint="see the spelling, and what is in the directory")
        found += hits
    return found


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
                raise UsageError(f"{named[entry.path]} and {entry.origin} would both become {entry.path}")
            named[entry.path] = entry.origin
    return Tree(tuple(walk.entries), tuple(walk.skipped))


@dataclass(slots=True)
class _Walk:
    links: Links
    filter: Filter
    entries: list[Entry] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    def take(self, source: str, path: str, word: str, *, recursive: bool) -> None:
        """What the user named; a link itself is followed."""
        try:
            found = os.stat(source)
        except OSError as error:
            raise UsageError(f"cannot read {word}: {(error.strerror or '').lower()}") from error
        if stat.S_ISDIR(found.st_mode):
            if not recursive:
                raise UsageError(f"{word} is a directory", hint="add -r")
            if path:
                self.entries.append(_entry(path, "directory", found, source))
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
            raise UsageError(f"cannot read {source}: {(error.strerror or '').lower()}") from error
        for item in inside:
            self._one(item, where, join(path, item.name), join(below, item.name), above)

    def _one(
        self, item: os.DirEntry[str], where: str, path: str, below: str, above: tuple[tuple[int, int], ...]
    ) -> None:
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
    size = found.st_size if kind == "file" else 0
    return Entry(path, kind, size, int(found.st_mtime), stat.S_IMODE(found.st_mode), source)
