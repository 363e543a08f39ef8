"""A directory here that files of one host arrive in: nothing outside it is written, and no file is seen unfinished.

Every directory below the top is opened from the one above and never through a link (openat(2), O_NOFOLLOW), so
that a link which an earlier transfer brought, or somebody puts there meanwhile, leads nowhere.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import suppress

import msgspec

from fleetctl.errors import NoSuchFile
from fleetctl.ssh.stream.pieces import behind
from fleetctl.transfer.names import base, join, parent
from fleetctl.transfer.parts import is_part, is_part_of, is_whole, part_name
from fleetctl.transfer.plan import Present, Step
from fleetctl.transfer.system import begin_to_write_back, local, sync_file_system
from fleetctl.transfer.tree import Entry, Kind

_MOST_OPEN = 8
_AT_ONCE = 16
"""Up to so many new files are synced one by one, more of them with their whole file system."""
_WRITE_BACK_SIZE = 16 * 1024 * 1024
_RESUME_MARGIN = 8 * 1024 * 1024
"""What may not have been written in order before a transfer broke off: more than is ever under way."""
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_TO_OWNER = 0o700
_ALL = 0o777
_WRITABLE = 0o200
_ABOUT_TO_BE_PLACED = 120
"""Seconds for which a part that is whole waits for its name at most: for the rest of its portion."""


class Arriving(msgspec.Struct):
    """A file under its temporary name.

    Args:
        begin: how many bytes an earlier transfer had brought.
        size: how many there are, when it has ended.
        taken_over: an earlier transfer began it; it may be longer than the file.
    """

    step: Step
    part: str
    descriptor: int
    begin: int = 0
    size: int = 0
    taken_over: bool = False
    _written: int = 0

    @property
    def directory(self) -> str:
        return parent(self.step.entry.path)

    def close(self) -> None:
        """Once: soon the number of the descriptor is that of another file. Raises: OSError."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def write(self, offset: int, data: Sequence[memoryview]) -> int:
        """Write pieces one after another. Returns: how many bytes they are. Raises: TransferError."""
        size = sum(map(len, data))
        end = offset + size
        with local("write", self.step.entry.path):
            place = offset + os.pwritev(self.descriptor, data, offset)
            while place < end:
                place += os.pwritev(self.descriptor, behind(data, place - offset), place)
            if end - self._written >= _WRITE_BACK_SIZE:
                begin_to_write_back(self.descriptor, self._written, end - self._written)
                self._written = end
        return size


class Landing:
    """For one thread.

    Args:
        top: the directory; it and those above it are made when something arrives.
        inside: the end of `top`, as `web01` is of `out/web01`, which no link may stand in for either.
    """

    def __init__(self, top: str, inside: str = "") -> None:
        self.top = top
        self._inside = inside
        self._open: OrderedDict[str, int] = OrderedDict()

    def __enter__(self) -> Landing:
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()

    def shown(self, path: str) -> str:
        return join(self.top, path)

    # Looking

    def present(self, path: str) -> Present | None:
        """What stands at a path. Raises: TransferError."""
        try:
            directory = self._directory(parent(path))
        except NoSuchFile:
            return None
        with local("look at", self.top, path):
            try:
                found = os.stat(base(path), dir_fd=directory, follow_symlinks=False)
            except FileNotFoundError:
                return None
            target = os.readlink(base(path), dir_fd=directory) if stat.S_ISLNK(found.st_mode) else ""
        return _present(found, target)

    def names(self, path: str) -> list[str]:
        """What a directory holds. Raises: TransferError."""
        directory = self._directory(path)
        with local("read the directory", self.top, path):
            return os.listdir(directory)

    def read(self, path: str) -> int:
        """A descriptor of a file, for the caller to close. Raises: TransferError."""
        with local("read", self.top, path):
            return os.open(base(path), os.O_RDONLY | os.O_NOFOLLOW, dir_fd=self._directory(parent(path)))

    # Writing

    def make(self, step: Step) -> None:
        """Make a directory, and those above it. Raises: TransferError."""
        self._directory(step.entry.path, mode=step.mode | _OPEN_TO_OWNER)

    def make_top(self) -> bool:
        """Make the directory itself. Returns: whether it was missing. Raises: TransferError."""
        missing = not os.path.lexists(self.top)
        self._directory("", mode=_ALL)
        return missing

    def begin(self, step: Step, *, resume: bool) -> Arriving:
        """A new temporary file, or the part that an earlier transfer of the same left. Raises: TransferError."""
        entry = step.entry
        directory = self._directory(parent(entry.path), mode=_ALL)
        part = part_name(base(entry.path), entry.size, entry.mtime)
        with local("write", self.top, entry.path):
            # Of a smaller file nothing is gone on from, and each would list the whole directory.
            candidates = _parts_of(step, directory) if resume and entry.size > _RESUME_MARGIN else ()
            descriptor = os.open(part, _NEW, step.mode | _WRITABLE, dir_fd=directory)
            _lock(descriptor)
            old = _taken_over(directory, part, candidates, descriptor) if candidates else None
            if old is None:
                return Arriving(step, part, descriptor)
            os.close(descriptor)
            have = os.fstat(old).st_size
        return Arriving(step, part, old, max(0, min(have, entry.size) - _RESUME_MARGIN), taken_over=True)

    def end(self, arriving: Arriving, size: int) -> None:
        """All bytes are there, and they are so many: close it. Raises: TransferError."""
        step = arriving.step
        with local("write", self.top, step.entry.path):
            if arriving.taken_over:
                os.ftruncate(arriving.descriptor, size)
            arriving.size = size
            _keep_owner(arriving)
            if step.exact:
                os.fchmod(arriving.descriptor, step.mode)
            elif not step.mode & _WRITABLE:
                os.fchmod(arriving.descriptor, stat.S_IMODE(os.fstat(arriving.descriptor).st_mode) & ~_WRITABLE)
            arriving.close()

    def drop(self, arriving: Arriving, *, keep: bool) -> None:
        """It did not work out; `keep` leaves the part for another time."""
        with suppress(OSError):
            arriving.close()
        with suppress(OSError):  # the error that ended it is the one to tell
            if not keep:
                os.unlink(arriving.part, dir_fd=self._directory(parent(arriving.step.entry.path)))

    def sync(self, arrived: Sequence[Arriving]) -> None:
        """Bring files that have ended to disk. Raises: TransferError."""
        with local(f"write to {self.top}"):
            if len(arrived) > _AT_ONCE:
                sync_file_system(self._directory(""))
                return
            for one in arrived:
                descriptor = os.open(one.part, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=self._directory(one.directory))
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)

    def place(self, arriving: Arriving, *, mtime: int | None, backup: bool) -> None:
        """Give it its name, in one step, and clean up what earlier transfers left. Raises: TransferError."""
        step = arriving.step
        name = base(step.entry.path)
        directory = self._directory(parent(step.entry.path))
        with local("put in place", self.top, step.entry.path):
            if mtime is not None:
                os.utime(arriving.part, (mtime, mtime), dir_fd=directory)
            if backup and step.replaced is not None:
                _keep_old(name, directory)
            os.rename(arriving.part, name, src_dir_fd=directory, dst_dir_fd=directory)

    def link(self, step: Step, *, backup: bool) -> None:
        """Make a symbolic link, in one step. Raises: TransferError."""
        entry = step.entry
        name = base(entry.path)
        directory = self._directory(parent(entry.path), mode=_ALL)
        part = part_name(name, 0, 0)
        with local("make the link", self.top, entry.path):
            os.symlink(entry.target, part, dir_fd=directory)
            try:
                if backup and step.replaced is not None:
                    _keep_old(name, directory)
                os.rename(part, name, src_dir_fd=directory, dst_dir_fd=directory)
            except OSError:
                os.unlink(part, dir_fd=directory)
                raise

    def finish_directory(self, entry: Entry) -> None:
        """Give a directory its mode and time, when all that goes into it is there. Raises: TransferError."""
        directory = self._directory(entry.path)
        with local("set the attributes of", self.top, entry.path):
            os.fchmod(directory, entry.mode)
            os.utime(directory, (entry.mtime, entry.mtime))

    def clean(self, paths: Sequence[str]) -> None:
        """Remove the parts that earlier transfers left of these files, and nobody writes to. Raises: TransferError."""
        by_directory: dict[str, set[str]] = {}
        for path in paths:
            by_directory.setdefault(parent(path), set()).add(base(path))
        for directory, names in by_directory.items():
            for part in leftovers(self.names(directory), names):
                _clean(part, self._directory(directory))

    def remove(self, path: str, kind: Kind) -> None:
        """Remove a file, a link, or a directory with all that is in it. Raises: TransferError."""
        if kind == "directory":
            for name in self.names(path):
                inside = f"{path}/{name}"
                there = self.present(inside)
                if there is not None:
                    self.remove(inside, there.kind)
        directory = self._directory(parent(path))
        with local("remove", self.top, path):
            if kind == "directory":
                self._forget(path)
                os.rmdir(base(path), dir_fd=directory)
            else:
                os.unlink(base(path), dir_fd=directory)

    def _directory(self, path: str, *, mode: int | None = None) -> int:
        """A descriptor of a directory below the top, good until some others were asked for.

        Args:
            mode: to make it with, where it is missing; None does not make it.
        """
        descriptor = self._open.pop(path, None)
        if descriptor is None:
            descriptor = self._opened(path, mode)
            if len(self._open) >= _MOST_OPEN:
                os.close(self._open.popitem(last=False)[1])
        self._open[path] = descriptor
        return descriptor

    def _opened(self, path: str, mode: int | None) -> int:
        if not path:
            return self._opened_top(make=mode is not None)
        above = self._directory(parent(path), mode=None if mode is None else _ALL)
        with local("open the directory", self.top, path):
            return _opened(base(path), above, mode)

    def _opened_top(self, *, make: bool) -> int:
        with local(f"open the directory {self.top}"):
            outer = self.top.removesuffix(self._inside) or "."
            if make:
                os.makedirs(outer, exist_ok=True)
            descriptor = os.open(outer, _DIRECTORY & ~os.O_NOFOLLOW)
            for name in self._inside.split("/") if self._inside else ():
                above = descriptor
                try:
                    descriptor = _opened(name, above, _ALL if make else None)
                finally:
                    os.close(above)
            return descriptor

    def _forget(self, path: str) -> None:
        for known in [known for known in self._open if known == path or known.startswith(f"{path}/")]:
            os.close(self._open.pop(known))


def _opened(name: str, above: int, mode: int | None) -> int:
    """The directory of that name in another, made with a mode unless that is None. Raises: OSError."""
    if mode is not None:
        with suppress(FileExistsError):
            os.mkdir(name, mode, dir_fd=above)
    return os.open(name, _DIRECTORY, dir_fd=above)


def leftovers(names: Sequence[str], of: set[str]) -> Iterator[str]:
    """The parts among some names that belong to one of the files `of`."""
    for name in names:
        if name.startswith(".") and name.endswith(".part") and any(is_part(name, file) for file in of):
            yield name


def _parts_of(step: Step, directory: int) -> list[str]:
    """Those of exactly this file, the largest first. Raises: OSError."""
    entry = step.entry
    name = base(entry.path)
    parts = [part for part in os.listdir(directory) if is_part_of(part, name, entry.size, entry.mtime)]
    sizes = {part: os.stat(part, dir_fd=directory, follow_symlinks=False).st_size for part in parts}
    return sorted(parts, key=lambda part: sizes[part], reverse=True)


def _taken_over(directory: int, part: str, candidates: Sequence[str], fresh: int) -> int | None:
    """Give one of the parts that nobody writes to the name of ours, and the mode that ours has. Returns: it, open."""
    for old in candidates:
        with suppress(OSError):  # it is somebody else's, or gone
            descriptor = os.open(old, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
            try:
                if not _in_use(old, descriptor):
                    os.fchmod(descriptor, stat.S_IMODE(os.fstat(fresh).st_mode))
                    os.rename(old, part, src_dir_fd=directory, dst_dir_fd=directory)
                    taken, descriptor = descriptor, -1
                    return taken
            finally:
                if descriptor >= 0:
                    os.close(descriptor)
    return None


def _clean(part: str, directory: int) -> None:
    """Remove a part that nobody writes to; what cannot be removed does no harm."""
    with suppress(OSError):
        if stat.S_ISREG(os.stat(part, dir_fd=directory, follow_symlinks=False).st_mode):
            descriptor = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
            try:
                if _in_use(part, descriptor):
                    return
            finally:
                os.close(descriptor)
        os.unlink(part, dir_fd=directory)


def _lock(descriptor: int) -> bool:
    """As long as it is open, others see that somebody writes to it. Returns: whether nobody else does."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # some file systems have no locks
    return True


def _in_use(part: str, descriptor: int) -> bool:
    """Whether a transfer writes to a part, or has ended it lately and is about to give it its name."""
    if not _lock(descriptor):
        return True
    found = os.fstat(descriptor)
    return is_whole(part, found.st_size) and time.time() - found.st_mtime < _ABOUT_TO_BE_PLACED


def _present(found: os.stat_result, target: str) -> Present:
    kinds: dict[int, Kind] = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}
    kind = kinds.get(stat.S_IFMT(found.st_mode), "other")
    mode = stat.S_IMODE(found.st_mode)
    return Present(kind, found.st_size, int(found.st_mtime), mode, (found.st_uid, found.st_gid), target)


def _keep_owner(arriving: Arriving) -> None:
    """A file that replaces another belongs to whom that belonged, where we may give it away: root may."""
    replaced = arriving.step.replaced
    if replaced is not None and replaced.kind == "file" and replaced.owner is not None:
        with suppress(PermissionError):
            os.fchown(arriving.descriptor, *replaced.owner)


def _keep_old(name: str, directory: int) -> None:
    """As `name~`, without a moment in which `name` is missing where it may be linked. Raises: OSError."""
    aside = part_name(f"{name}~", 0, 0)
    try:
        os.link(name, aside, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
    except OSError:  # Linux may forbid it for files of others, and some file systems cannot
        aside = name
    try:
        os.rename(aside, f"{name}~", src_dir_fd=directory, dst_dir_fd=directory)
    except OSError:
        if aside != name:
            os.unlink(aside, dir_fd=directory)
        raise
