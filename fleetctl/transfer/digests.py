"""SHA-256 of files, here and on a host: by whichever of sha256sum, shasum and openssl is there."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence

from fleetctl.cancel import Cancel
from fleetctl.errors import DigestMismatch, ToolMissing
from fleetctl.ssh.any_session import AnySession
from fleetctl.transfer.once import Once
from fleetctl.transfer.shell import ask
from fleetctl.transfer.system import local

_PIECE = 1024 * 1024
_COMMAND_SIZE = 30_000
"""Of a command line; Linux takes 128 KiB in one argument."""
_NUMBER = 30
_LINE = 100
_CHATTER = 64 * 1024
_SECONDS = 120.0
_SLOWEST = 5e6
"""Bytes of which a digest is made in a second, on a slow disk."""
_SCRIPT = """
if command -v sha256sum >/dev/null 2>&1; then d() { sha256sum; }
elif command -v shasum >/dev/null 2>&1; then d() { shasum -a 256; }
elif command -v openssl >/dev/null 2>&1; then d() { openssl dgst -sha256 -r; }
else echo none; exit; fi
while [ $# -gt 1 ]; do
if [ -f "$1" ] && [ -r "$1" ]; then head -c "$2" <"$1" | d; else echo unreadable; fi
shift 2
done
echo end
"""
_NO_TOOL = "the host runs none of sha256sum, shasum and openssl"
_DIGEST = re.compile(r"[0-9a-f]{64}")


class LocalDigests:
    """Remembers what it has computed, so that a file that goes to many hosts is read for it once. Thread-safe."""

    def __init__(self) -> None:
        self._known = Once()

    def of(self, path: str, size: int, cancel: Cancel) -> str:
        """Of its first `size` bytes. Raises: TransferError when it cannot be read, Cancelled."""
        with local(f"read {path}"):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            key = path, size, os.fstat(descriptor).st_mtime_ns
            return self._known.get(key, lambda: digest_of(descriptor, path, cancel, size))
        finally:
            os.close(descriptor)


def digest_of(descriptor: int, path: str, cancel: Cancel, size: int | None = None) -> str:
    """Of an open file, or of its first `size` bytes. Raises: TransferError, Cancelled."""
    digest = hashlib.sha256()
    place = 0
    while size is None or place < size:
        cancel.check()
        with local(f"read {path}"):
            piece = os.pread(descriptor, _PIECE if size is None else min(_PIECE, size - place), place)
        if not piece:
            break
        digest.update(piece)
        place += len(piece)
    return digest.hexdigest()


def need_remote_digests(session: AnySession, cancel: Cancel) -> None:
    """Find out before anything is moved. Raises: as `remote_digests`."""
    remote_digests(session, [("/", 0)], cancel)


def remote_digests(session: AnySession, files: Sequence[tuple[str, int]], cancel: Cancel) -> list[str]:
    """Of files on a host, in order; "" for one that cannot be read.

    Args:
        files: paths, and how many bytes of each count: a log may have grown.

    Raises: ToolMissing when the host has none of the tools, or runs no commands, and what `ask` raises.
    """
    found: list[str] = []
    for batch in _batches(files):
        words = [word for path, size in batch for word in (f"./{path}" if path.startswith("-") else path, str(size))]
        most = _CHATTER + _LINE * len(batch)
        seconds = _SECONDS + sum(size for _, size in batch) / _SLOWEST
        _, said, _ = ask(session, _SCRIPT, words, cancel, most=most, seconds=seconds)
        # As many lines as there are files, from the end: a start-up file may have its say before them.
        lines = said.decode(errors="replace").split("\n")[:-1][-len(batch) - 1 :]
        if lines[-1:] != ["end"] or len(lines) <= len(batch):
            raise ToolMissing(_NO_TOOL, hint="leave out --verify and --checksum")
        found += [match[0] if (match := _DIGEST.match(line)) else "" for line in lines[:-1]]
    return found


def compared(theirs: str, ours: str, shown: str) -> DigestMismatch | None:
    """Why a file is not taken for what it should be. `shown`: its path, for people."""
    if theirs == ours:
        return None
    if not theirs:
        hint = "is SFTP confined to a directory there, which commands see from outside?"
        return DigestMismatch(f"{shown} cannot be checked: the host's commands do not find it", hint=hint)
    return DigestMismatch(f"{shown} did not arrive as it was sent", hint="try again")


def _batches(files: Sequence[tuple[str, int]]) -> list[list[tuple[str, int]]]:
    batches: list[list[tuple[str, int]]] = []
    room = 0
    for path, size in files:
        if len(path) + _NUMBER > room:
            batches.append([])
            room = _COMMAND_SIZE
        batches[-1].append((path, size))
        room -= len(path) + _NUMBER
    return batches
