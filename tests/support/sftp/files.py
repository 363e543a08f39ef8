"""What SFTP asks for, done on the real files below one directory; no name outside of it can be changed.

Paths are those of this machine; relative ones begin at the root.
"""

from __future__ import annotations

import errno
import itertools
import os
import struct
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.sftp.behaviour import Behaviour
from tests.support.sftp.wire import (
    ATTRIBUTES,
    DATA,
    END_OF_FILE,
    EXTENDED_REPLY,
    HANDLE,
    OK,
    OPENSSH,
    UNSUPPORTED,
    Answer,
    Asked,
    Attributes,
    Named,
    named,
    status,
    string,
    told_names,
)

_PER_REPLY = 100


@dataclass(slots=True)
class _Open:
    path: str
    descriptor: int = -1
    names: Iterator[Named] = field(default_factory=lambda: iter(()))


class Files:
    """Does what is asked, on the real files. Raises: OSError, ValueError."""

    def __init__(self, root: Path, behaviour: Behaviour) -> None:
        self._root = root
        self._behaviour = behaviour
        self._open: dict[bytes, _Open] = {}
        self._numbers = itertools.count(1)
        self._does: dict[str, Callable[[Asked], Answer]] = {
            "open": self._open_file, "close": self._close, "read": self._read, "write": self._write,
            "lstat": self._lstat, "stat": self._stat, "fstat": self._fstat,
            "setstat": self._setstat, "fsetstat": self._fsetstat,
            "opendir": self._open_directory, "readdir": self._names,
            "remove": self._remove, "mkdir": self._mkdir, "rmdir": self._rmdir,
            "realpath": self._realpath, "rename": self._rename, "readlink": self._readlink, "symlink": self._symlink,
            "posix-rename@openssh.com": self._replace, "hardlink@openssh.com": self._link,
            "fsync@openssh.com": self._fsync, "limits@openssh.com": self._limits,
        }  # fmt: skip

    def do(self, asked: Asked) -> Answer:
        kind = asked.request.kind
        if kind not in self._does or (kind in OPENSSH and kind not in self._behaviour.extensions):
            return status(UNSUPPORTED)
        return self._does[kind](asked)

    def path_of(self, handle: bytes) -> str:
        return self._open[handle].path if handle in self._open else ""

    def close(self) -> None:
        for opened in self._open.values():
            _let_go(opened)
        self._open.clear()

    def _real(self, path: str) -> Path:
        return self._root / self._behaviour.where(path)

    def _own(self, path: str) -> Path:
        real = Path(os.path.normpath(self._real(path)))
        if not real.is_relative_to(self._root):
            raise PermissionError(errno.EPERM, "outside of what this server may change")
        return real

    def _handle(self, asked: Asked) -> _Open:
        if asked.handle not in self._open:
            raise OSError(errno.EBADF, "no such handle")
        return self._open[asked.handle]

    def _new(self, opened: _Open) -> Answer:
        handle = b"h%d" % next(self._numbers)
        self._open[handle] = opened
        return HANDLE, string(handle)

    # Files

    def _open_file(self, asked: Asked) -> Answer:
        path, flags = asked.request.path, asked.request.flags
        mode = 0o666 if asked.attributes.mode is None else asked.attributes.mode & 0o7777
        try:
            real = self._own(path) if flags & ~0x01 else self._real(path)
            descriptor = os.open(real, _os_flags(flags), mode)
        except (OSError, ValueError):
            if self._behaviour.bait is None or flags & ~0x01:
                raise
            descriptor = _holding(self._behaviour.bait)
        return self._new(_Open(path, descriptor))

    def _close(self, asked: Asked) -> Answer:
        _let_go(self._handle(asked))
        del self._open[asked.handle]
        return status(OK)

    def _read(self, asked: Asked) -> Answer:
        length = min(asked.request.length, self._behaviour.largest_read)
        data = os.pread(self._handle(asked).descriptor, length, asked.request.offset)
        return (DATA, string(data)) if data else status(END_OF_FILE)

    def _write(self, asked: Asked) -> Answer:
        os.pwrite(self._handle(asked).descriptor, asked.data, asked.request.offset)
        return status(OK)

    def _fsync(self, asked: Asked) -> Answer:
        os.fsync(self._handle(asked).descriptor)
        return status(OK)

    # Attributes

    def _lstat(self, asked: Asked) -> Answer:
        return self._told(self._real(asked.request.path).lstat)

    def _stat(self, asked: Asked) -> Answer:
        return self._told(self._real(asked.request.path).stat)

    def _fstat(self, asked: Asked) -> Answer:
        return ATTRIBUTES, Attributes.of(os.fstat(self._handle(asked).descriptor)).packed()

    def _told(self, look: Callable[[], os.stat_result]) -> Answer:
        try:
            return ATTRIBUTES, Attributes.of(look()).packed()
        except (OSError, ValueError):
            if self._behaviour.bait is None:
                raise
            return ATTRIBUTES, named("", size=len(self._behaviour.bait)).attributes.packed()

    def _setstat(self, asked: Asked) -> Answer:
        return _set(self._own(asked.request.path), asked.attributes)

    def _fsetstat(self, asked: Asked) -> Answer:
        return _set(self._handle(asked).descriptor, asked.attributes)

    # Directories and names

    def _open_directory(self, asked: Asked) -> Answer:
        path = asked.request.path
        entries = _entries(self._real(path))
        return self._new(_Open(path, names=iter(self._behaviour.names(path, entries))))

    def _names(self, asked: Asked) -> Answer:
        names = list(itertools.islice(self._handle(asked).names, _PER_REPLY))
        return told_names(names) if names else status(END_OF_FILE)

    def _remove(self, asked: Asked) -> Answer:
        self._own(asked.request.path).unlink()
        return status(OK)

    def _mkdir(self, asked: Asked) -> Answer:
        self._own(asked.request.path).mkdir(0o777 if asked.request.mode is None else asked.request.mode)
        return status(OK)

    def _rmdir(self, asked: Asked) -> Answer:
        self._own(asked.request.path).rmdir()
        return status(OK)

    def _realpath(self, asked: Asked) -> Answer:
        return told_names([Named(os.fsencode(self._real(asked.request.path).resolve()), Attributes())])

    def _readlink(self, asked: Asked) -> Answer:
        target = os.readlink(os.fsencode(self._real(asked.request.path)))  # noqa: PTH115 - as it is stored
        return told_names([Named(target, Attributes())])

    def _symlink(self, asked: Asked) -> Answer:
        os.symlink(asked.request.other, self._own(asked.request.path))  # noqa: PTH211 - as it was asked for
        return status(OK)

    def _rename(self, asked: Asked) -> Answer:
        old, new = self._own(asked.request.path), self._own(asked.request.other)
        if not old.is_dir() or old.is_symlink():
            os.link(old, new, follow_symlinks=False)
            return self._remove(asked)
        if os.path.lexists(new):
            raise FileExistsError(errno.EEXIST, "there already")
        old.rename(new)
        return status(OK)

    def _replace(self, asked: Asked) -> Answer:
        self._own(asked.request.path).rename(self._own(asked.request.other))
        return status(OK)

    def _link(self, asked: Asked) -> Answer:
        os.link(self._own(asked.request.path), self._own(asked.request.other), follow_symlinks=False)
        return status(OK)

    def _limits(self, asked: Asked) -> Answer:
        packet = self._behaviour.largest_packet
        return EXTENDED_REPLY, struct.pack(">QQQQ", packet, packet - 1024, packet - 1024, 1000)


def _entries(directory: Path) -> list[Named]:
    own = [Named(name, Attributes.of(directory.stat())) for name in (b".", b"..")]
    with os.scandir(os.fsencode(directory)) as found:
        return [*own, *(Named(each.name, Attributes.of(each.stat(follow_symlinks=False))) for each in found)]


def _set(where: Path | int, wanted: Attributes) -> Answer:
    if wanted.size is not None:
        os.truncate(where, wanted.size)
    if wanted.times is not None:
        os.utime(where, wanted.times)
    if wanted.mode is not None:
        os.chmod(where, wanted.mode & 0o7777)  # noqa: PTH101 - or a descriptor
    if wanted.owner is not None:
        os.chown(where, *wanted.owner)
    return status(OK)


def _os_flags(flags: int) -> int:
    chosen = {1: os.O_RDONLY, 2: os.O_WRONLY, 3: os.O_RDWR}.get(flags & 3, os.O_RDONLY)
    further = {0x04: os.O_APPEND, 0x08: os.O_CREAT, 0x10: os.O_TRUNC, 0x20: os.O_EXCL}
    return chosen | sum(flag for bit, flag in further.items() if flags & bit)


def _holding(data: bytes) -> int:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        return os.dup(file.fileno())


def _let_go(opened: _Open) -> None:
    if opened.descriptor >= 0:
        os.close(opened.descriptor)
        opened.descriptor = -1
