"""What the system here says about files, as errors of ours; and the calls that Python's os module lacks."""

from __future__ import annotations

import ctypes
import errno
import os
from types import TracebackType

from fleetctl.errors import AccessDenied, NameRefused, NoSpace, NoSuchFile, TransferError, WrongKind

_KINDS: dict[int, type[TransferError]] = {
    errno.ENOSPC: NoSpace,
    errno.EDQUOT: NoSpace,
    errno.EFBIG: NoSpace,
    errno.EACCES: AccessDenied,
    errno.EPERM: AccessDenied,
    errno.EROFS: AccessDenied,
    errno.ENOENT: NoSuchFile,
    errno.EISDIR: WrongKind,
    errno.ENOTDIR: WrongKind,
    errno.ELOOP: WrongKind,
    errno.EEXIST: WrongKind,
    errno.ENAMETOOLONG: NameRefused,
    errno.EILSEQ: NameRefused,
}
_HINTS: dict[type[TransferError], str] = {NoSpace: "make room here, then run it again"}
_libc = ctypes.CDLL(None, use_errno=True)
_WRITE = 2
"""SYNC_FILE_RANGE_WRITE of sync_file_range(2)."""


class local:  # noqa: N801 - a context manager, used as a function; made of a generator it would cost three times as much
    """Raise our error for one of the system's.

    Args:
        what: goes on from "cannot": `write`.
        place: the path, in parts that are put together only when they are told.
    """

    __slots__ = ("_place", "_what")

    def __init__(self, what: str, *place: str) -> None:
        self._what = what
        self._place = place

    def __enter__(self) -> None:
        """Nothing yet."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, OSError):
            ours = _KINDS.get(error.errno or 0, TransferError)
            reason = (error.strerror or str(error)).lower()
            what = f"{self._what} {os.path.join(*self._place)}" if self._place else self._what
            raise ours(f"cannot {what} here: {reason}", hint=_HINTS.get(ours, "")) from error


def begin_to_write_back(descriptor: int, offset: int, size: int) -> None:
    """Let the kernel begin to write these bytes to disk, so that less is left for fsync. Linux alone can."""
    if hasattr(_libc, "sync_file_range"):
        _libc.sync_file_range(descriptor, ctypes.c_int64(offset), ctypes.c_int64(size), _WRITE)


def sync_file_system(descriptor: int) -> None:
    """Write all that is unwritten on the file system of a descriptor to disk. Raises: OSError."""
    if not hasattr(_libc, "syncfs"):
        os.sync()
    elif _libc.syncfs(descriptor):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
