"""Looking at files on a host over SFTP: what is there, what matches, and whole trees. Changes nothing.

Every name is judged as it comes in. Directories are listed side by side, a level of the tree at a time, and a
tree has bounds, for a hostile or broken server can list a directory inside itself for ever.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence

import msgspec

from fleetctl.errors import NameRefused, NoSuchFile, TooMuch, TransferError, WrongKind
from fleetctl.ssh.sftp.client import READ, Sftp, Steps, Ticket
from fleetctl.ssh.sftp.format import Attributes
from fleetctl.transfer.choices import Links
from fleetctl.transfer.names import base, checked, join, stays_inside
from fleetctl.transfer.parts import is_any_part
from fleetctl.transfer.patterns import Filter, component_matches, is_pattern, split_pattern, unescaped
from fleetctl.transfer.tree import Entry, Kind

DEEPEST = 100
MOST_ENTRIES = 500_000
WIDTH = 32
"""How many directories, or small requests, are under way at once."""
_MODES = tuple(range(0o1000))
"""One number for all files with the same permissions: of 10,000 on each of 20 hosts that is 6 MB."""
_LISTINGS_AHEAD = 2
_PIECE = 32 * 1024
"""Every server gives so much at a time."""
_MOST_SILENT = 50
"""Answers in a row that bring no name."""
_SPELLING = "see the spelling, and what is in the directory; a path that does not begin with / begins at home"

Names = list[tuple[str, Attributes]]


class Found(msgspec.Struct):
    """What a walk brought: entries, parents first; what it did not take; what it could not read or refused."""

    entries: list[Entry] = msgspec.field(default_factory=list)
    skipped: list[tuple[str, str]] = msgspec.field(default_factory=list)
    failed: list[tuple[str, TransferError]] = msgspec.field(default_factory=list)


def at_home(path: str) -> str:
    """The path as SFTP has it, whose session begins in the home directory. Raises: NameRefused for `~other`."""
    if path == "~" or path.startswith("~/"):
        return path[1:].lstrip("/") or "."
    if path.startswith("~"):
        raise NameRefused(f"{path}: the home of another user is not known here", hint="write its path out")
    return path or "."


def look(sftp: Sftp, path: str) -> Steps[Attributes | None]:
    """What a path leads to, links followed; None when nothing is there. Raises: TransferError."""
    return _looked(sftp, path, follow=True)


def beginning(sftp: Sftp, path: str, most: int) -> bytes:
    """The first bytes of a file. Raises: TransferError."""
    handle = sftp.handle(sftp.result(sftp.open(path, READ)))
    data = b""
    try:
        while len(data) < most:
            pieces = sftp.data(sftp.result(sftp.read(handle, len(data), min(_PIECE, most - len(data)), path)))
            if not pieces:
                break
            data += b"".join(pieces)
    finally:
        sftp.result(sftp.close(handle, path))
    return data


def look_at_all(sftp: Sftp, paths: Sequence[str]) -> list[Attributes | None]:
    """What each of some paths leads to, in as few round trips as it takes. Raises: TransferError."""
    tickets = [sftp.stat(path) for path in paths]
    return [sftp.run(_seen(sftp, ticket)) for ticket in tickets]


def look_at_link(sftp: Sftp, path: str) -> Steps[Attributes | None]:
    """What stands at a path, a link itself; None when nothing does. Raises: TransferError."""
    return _looked(sftp, path, follow=False)


def _looked(sftp: Sftp, path: str, *, follow: bool) -> Steps[Attributes | None]:
    return (yield from _seen(sftp, sftp.stat(path) if follow else sftp.lstat(path)))


def _seen(sftp: Sftp, ticket: Ticket) -> Steps[Attributes | None]:
    yield ticket
    try:
        return sftp.attributes(ticket)
    except NoSuchFile:
        return None


def listing(sftp: Sftp, path: str, most: int = MOST_ENTRIES) -> Steps[Names]:
    """All that a directory holds, `.` and `..` aside; names are not judged yet. Raises: TransferError."""
    found: Names = []

    def collect(names: Names) -> Steps[None]:
        found.extend(names)
        yield from ()

    yield from list_to(sftp, path, collect, most)
    return found


def list_to(sftp: Sftp, path: str, take: Callable[[Names], Steps[None]], most: int = MOST_ENTRIES) -> Steps[None]:
    """The same, handed over a hundred names or so at a time, as they come."""
    opened = sftp.opendir(path)
    yield opened
    handle = sftp.handle(opened)
    count = silent = 0
    ahead = deque(sftp.readdir(handle, path) for _ in range(_LISTINGS_AHEAD))
    try:
        while True:
            ticket = ahead.popleft()
            yield ticket
            names = sftp.names(ticket)
            if names is None:
                return
            count += len(names)
            if count > most:
                raise TooMuch(f"{path} lists more than {most:,} names")
            news = [item for item in names if item[0] not in {".", ".."}]
            silent = 0 if news else silent + 1
            if silent > _MOST_SILENT:
                raise TooMuch(f"the listing of {path} has no end, and no names")
            ahead.append(sftp.readdir(handle, path))
            yield from take(news)
    finally:
        sftp.close(handle, path)


def some_names(sftp: Sftp, path: str, most: int) -> Steps[list[str]]:
    """The names in a directory, or none where there are too many, or they may not be read."""
    try:
        names = yield from listing(sftp, path, most)
    except TransferError:
        return []
    return [name for name, _ in names]


def matching(sftp: Sftp, pattern: str) -> list[str]:
    """The paths that a pattern stands for, sorted; a path without one stands for itself.

    Raises: NoSuchFile when a pattern matches nothing, TooMuch, AccessDenied.
    """
    if not is_pattern(pattern):
        return [unescaped(pattern)]
    start, components = split_pattern(pattern)
    found = sorted({path.rstrip("/") for path in _matches(sftp, at_home(start), components)})
    if not found:
        raise NoSuchFile(f"nothing matches {pattern}", hint=_SPELLING)
    return found


def _matches(sftp: Sftp, start: str, components: Sequence[str]) -> Iterator[str]:
    """Level by level: places that were reached, each with the components that are still to match below it."""
    level: list[tuple[str, tuple[str, ...]]] = [(start, tuple(components))]
    count = 0
    for _ in range(DEEPEST):
        if not level:
            return
        following: list[tuple[str, tuple[str, ...]]] = []
        for place, rest, names in sftp.drive([_listed(sftp, place, rest) for place, rest in level], WIDTH):
            count += len(names)
            if count > MOST_ENTRIES:
                raise TooMuch(f"more than {MOST_ENTRIES:,} names to compare with the pattern")
            for name, attributes in names:
                hits, below = _compare(name, attributes, rest)
                if hits or below:
                    checked(name)
                path = name if place == "." else join(place, name)
                if hits:
                    yield path
                following += [(path, more) for more in below]
        level = list(dict.fromkeys(following))
    raise TooMuch(f"directories deeper than {DEEPEST} levels")


def _listed(sftp: Sftp, place: str, rest: tuple[str, ...]) -> Steps[tuple[str, tuple[str, ...], Names]]:
    try:
        names = yield from listing(sftp, place)
    except TransferError:
        return place, rest, []  # what cannot be listed matches nothing, as in a shell
    return place, rest, names


def _compare(name: str, attributes: Attributes, rest: tuple[str, ...]) -> tuple[bool, list[tuple[str, ...]]]:
    """Whether a name is a match in full, and which components are to be matched inside it."""
    head, *tail = rest
    deep = attributes.kind in {"directory", "link"}
    if head == "**":
        hits, below = (not name.startswith("."), []) if not tail else _compare(name, attributes, tuple(tail))
        goes_on = attributes.kind == "directory" and not name.startswith(".")
        return hits, [*below, *([rest] if goes_on else [])]
    if not component_matches(head, name):
        return False, []
    if not tail:
        return True, []
    return False, [tuple(tail)] if deep else []


class Walk:
    """One walk through directories of a host. Attributes as they are at the time of the listing."""

    def __init__(self, sftp: Sftp, choice: Filter, links: Links) -> None:
        self._sftp = sftp
        self._filter = choice
        self._links = links
        self.found = Found()

    def take(self, source: str, path: str, attributes: Attributes | None, *, recursive: bool) -> None:
        """Add what the user named; a link itself is followed.

        Args:
            source: the remote path.
            path: where it goes; "" for the contents of a directory alone.
            attributes: what the path leads to.

        Raises: NoSuchFile, WrongKind for a directory without `recursive`, TooMuch.
        """
        if attributes is None:
            raise NoSuchFile(f"cannot read {source}: no such file or directory", hint=_SPELLING)
        if attributes.kind == "directory":
            if not recursive:
                raise WrongKind(f"{source} is a directory", hint="add -r")
            if path:
                self._add(_entry(path, source, attributes))
            self._walk(source, path)
        elif attributes.kind == "file":
            self._add(_entry(path or base(source), source, attributes))
        else:
            raise WrongKind(f"{source} is not a regular file")

    def _walk(self, source: str, path: str) -> None:
        top = self._sftp.name(self._sftp.result(self._sftp.realpath(source))) if self._links == "follow" else ""
        level: list[tuple[str, str, tuple[str, ...]]] = [(source, path, (top,))]
        for _ in range(DEEPEST):
            if not level:
                return
            following: list[tuple[str, str, tuple[str, ...]]] = []
            works = [self._directory(place, inside, above, path) for place, inside, above in level]
            for below in self._sftp.drive(works, WIDTH):
                following += below
            level = sorted(following)
        raise TooMuch(f"{source} is deeper than {DEEPEST} levels")

    def _directory(
        self, place: str, inside: str, above: tuple[str, ...], root: str
    ) -> Steps[list[tuple[str, str, tuple[str, ...]]]]:
        """Take in one directory. Returns: those in it."""
        below: list[tuple[str, str, tuple[str, ...]]] = []
        where = f"{place.rstrip('/')}/"

        def take(names: Names) -> Steps[None]:
            for name, attributes in names:
                try:
                    path = join(inside, checked(name))
                except NameRefused as error:
                    self.found.failed.append((inside or place, error))
                    continue
                source = join(place, name)
                real = yield from self._behind(source, path, attributes, above)
                if real is not None and (yield from self._member(where, path, real[0], root)):
                    below.append((source, path, real[1]))
            self._check_count()

        try:
            yield from list_to(self._sftp, place, take)
        except TooMuch:
            raise
        except TransferError as error:
            self.found.failed.append((inside or place, error))
        return below

    def _behind(
        self, source: str, path: str, attributes: Attributes, above: tuple[str, ...]
    ) -> Steps[tuple[Attributes, tuple[str, ...]] | None]:
        """What stands at a path, links followed if that was asked for, and the real directories down to it."""
        if self._links != "follow":
            return attributes, above
        if attributes.kind == "link":
            try:
                return (yield from self._followed(source, path, above))
            except TransferError as error:
                self.found.failed.append((path, error))
                return None
        return attributes, (*above, join(above[-1], base(source))) if attributes.kind == "directory" else above

    def _member(self, where: str, path: str, attributes: Attributes, root: str) -> Steps[bool]:
        """Take in what is in the directory `where`. Returns: whether it is a directory to look into."""
        is_directory = attributes.kind == "directory"
        if is_any_part(base(path)):
            self.found.skipped.append((path, "a part of an interrupted transfer"))
            return False
        if self._filter.excludes(_below(path, root), directory=is_directory):
            return is_directory and self._filter.descends
        if attributes.kind == "link":
            yield from self._link(where, path, attributes, root)
        elif attributes.kind == "other":
            self.found.skipped.append((path, "not a regular file"))
        else:
            self._add(_entry(path, where, attributes))
        return is_directory

    def _link(self, where: str, path: str, attributes: Attributes, root: str) -> Steps[None]:
        if self._links == "skip":
            self.found.skipped.append((path, "a link"))
            return
        ticket = self._sftp.readlink(join(where, base(path)))
        yield ticket
        try:
            target = self._sftp.name(ticket)
        except TransferError as error:
            self.found.failed.append((path, error))
            return
        if "\0" in target or not stays_inside(_below(path, root), target):
            self.found.skipped.append((path, f"a link that leads out of the tree, to {target}"))
            return
        self._add(Entry(path, "link", target=target, source=where, mtime=attributes.mtime or 0))

    def _followed(
        self, source: str, path: str, above: tuple[str, ...]
    ) -> Steps[tuple[Attributes, tuple[str, ...]] | None]:
        """What a link leads to; None, and a note, where that is nothing, outside the tree, or a directory above."""
        attributes = yield from look(self._sftp, source)
        if attributes is None:
            self.found.skipped.append((path, "a link that leads nowhere"))
            return None
        ticket = self._sftp.realpath(source)
        yield ticket
        real = self._sftp.name(ticket)
        if real != above[0] and not real.startswith(f"{above[0].rstrip('/')}/"):
            self.found.skipped.append((path, f"a link that leads out of the tree, to {real}"))
            return None
        if real in above:
            self.found.skipped.append((path, "a link to a directory that it is in"))
            return None
        return attributes, (*above, real)

    def _add(self, entry: Entry) -> None:
        self.found.entries.append(entry)
        self._check_count()

    def _check_count(self) -> None:
        found = self.found
        if len(found.entries) + len(found.skipped) + len(found.failed) > MOST_ENTRIES:
            raise TooMuch(f"more than {MOST_ENTRIES:,} files and directories")


def _entry(path: str, source: str, attributes: Attributes) -> Entry:
    """Set-user-id bits of a server mean nothing good here. What hosts of a fleet have, most of them have alike."""
    kind: Kind = "directory" if attributes.kind == "directory" else "file"
    mode = _MODES[attributes.permissions & 0o777]
    return Entry(sys.intern(path), kind, attributes.size or 0, attributes.mtime or 0, mode, source)


def _below(path: str, root: str) -> str:
    return path[len(root) + 1 :] if root else path
