"""SFTP that ends at a host's home: no path and no symbolic link leads out of it."""

from __future__ import annotations

import os
from pathlib import Path

import asyncssh


class HomeFiles(asyncssh.SFTPServer):
    """The files of one host, `/` being its home.

    asyncssh keeps `..` inside by itself; links that commands made are its documented gap.
    """

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], home: Path) -> None:
        super().__init__(channel, chroot=os.fsencode(home))
        self._root = os.path.realpath(os.fsencode(home))
        self._is_fleetctl = "fleetctl" in channel.get_extra_info("client_version", "")

    def symlink(self, oldpath: bytes, newpath: bytes) -> None:
        """In the order of OpenSSH, which fleetctl has, too: asyncssh knows that of OpenSSH and of paramiko alone."""
        ends = (newpath, oldpath) if self._is_fleetctl else (oldpath, newpath)
        super().symlink(*ends)

    def readlink(self, path: bytes) -> bytes:
        """As the link says: asyncssh takes relative ones for paths of its own and finds them outside."""
        target = os.readlink(super().map_path(path))  # noqa: PTH115 - bytes
        return target.removeprefix(self._root) if target.startswith(self._root + b"/") else target

    def map_path(self, path: bytes) -> bytes:
        mapped = super().map_path(path)
        real = os.path.realpath(mapped)
        if real != self._root and not real.startswith(self._root + b"/"):
            raise asyncssh.SFTPPermissionDenied("the path leads out of the host's home")
        return mapped
