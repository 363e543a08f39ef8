"""What is to be moved, as records: entries of a tree, in an order in which parents come before children.

Names are `str` with surrogate escapes (os.fsencode and os.fsdecode at the borders), so any bytes survive.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from fleetctl.transfer.names import base

Kind = Literal["file", "directory", "link", "other"]


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One thing in a tree.

    Args:
        path: where it goes, relative to the destination: `conf/x.ini`, never absolute, no `.` or `..` in it.
        size: bytes of a file.
        mtime: whole seconds since the epoch, which is what SFTP version 3 carries.
        mode: permission bits.
        source: where its bytes are read: an absolute local path, or a remote one. With a slash at its end it is the
            directory, where the thing has the same name as in `path`: one string for all that is in it.
        target: of a link, as it is stored.
        identity: device and inode of a local file in one number; 0 when unknown.
    """

    path: str
    kind: Kind
    size: int = 0
    mtime: int = 0
    mode: int = 0o644
    source: str = ""
    target: str = ""
    identity: int = 0

    @property
    def origin(self) -> str:
        """`source` in full."""
        return f"{self.source}{base(self.path)}" if self.source.endswith("/") else self.source


class Skipped(msgspec.Struct, frozen=True):
    """Something met on the way that is not moved, and why."""

    path: str
    why: str


class Tree(msgspec.Struct, frozen=True):
    """All that is to be moved, and what was met and is not.

    Args:
        mode: permission bits of the directory whose contents alone are taken.
        mtime: its time; 0 when there are several such, or none.
    """

    entries: tuple[Entry, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    mode: int = 0o777
    mtime: int = 0
