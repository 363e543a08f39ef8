"""What a step changes in a file of the host, as a unified diff: for people, and of short texts alone."""

from __future__ import annotations

from fleetctl.cancel import Cancel
from fleetctl.errors import TransferError
from fleetctl.ssh.any_session import AnySession
from fleetctl.transfer.destination import Destination
from fleetctl.transfer.names import join
from fleetctl.transfer.remote import at_home, beginning, look

MOST = 64 * 1024
"""Bytes of a file that is compared."""


class Before:
    """A file of the host as it is now.

    Args:
        path: where it is.
        content: b"" where there is none; None where it cannot be compared.
    """

    def __init__(self, path: str, content: bytes | None) -> None:
        self.path = path
        self.content = content

    def diff(self, new: bytes) -> bytes:
        """How it differs from what is to take its place."""
        # Views bring rich along, which a job without --diff need not load.
        from fleetctl.views.diff import Incomparable, hunks  # noqa: PLC0415

        if self.content == new:
            return b""
        head = f"--- {self.path}\n+++ {self.path}\n".encode(errors="surrogateescape")
        if self.content is None or not (_is_text(self.content) and _is_text(new)):
            return head + b"(no text, or over 64 KiB: not compared)\n"
        try:
            return head + b"".join(line + b"\n" for line in hunks(self.content, new))
        except Incomparable as why:
            return head + f"(not compared: {why})\n".encode()


def before(session: AnySession, destination: Destination, cancel: Cancel) -> Before:
    """What the single file of a put is going to replace. Raises: as `Session.sftp`."""
    path = at_home(destination.path)
    with session.sftp(cancel) as sftp:
        try:
            there = sftp.run(look(sftp, path))
            if there is not None and there.kind == "directory":
                path = join(path, destination.single)
                there = sftp.run(look(sftp, path))
            if there is None:
                return Before(path, b"")
            return Before(path, beginning(sftp, path, MOST + 1) if there.kind == "file" else None)
        except TransferError:  # the put itself tells what is wrong
            return Before(path, None)


def _is_text(content: bytes) -> bool:
    return len(content) <= MOST and b"\0" not in content
