"""SHA-256 of files, here and on a host: by whichever of sha256sum, shasum and openssl is there."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import threading
from collections.abc import Sequence

from fleetctl.cancel import Cancel
from fleetctl.errors import DigestMismatch, ToolMissing
from fleetctl.events import Stream
from fleetctl.ssh.session import Session
from fleetctl.transfer.system import local

_PIECE = 1024 * 1024
_COMMAND_SIZE = 30_000
"""Of a command line; Linux takes 128 KiB in one argument."""
_SCRIPT = """
if command -v sha256sum >/dev/null 2>&1; then d() { sha256sum; }
elif command -v shasum >/dev/null 2>&1; then d() { shasum -a 256; }
elif command -v openssl >/dev/null 2>&1; then d() { openssl dgst -sha256 -r; }
else echo none; exit; fi
for f do if [ -f "$f" ] && [ -r "$f" ]; then d <"$f"; else echo unreadable; fi; done
echo end
"""
_NO_TOOL = "the host runs none of sha256sum, shasum and openssl"
_DIGEST = re.compile(r"[0-9a-f]{64}")


class LocalDigests:
    """Remembers what it has computed, so that a file that goes to many hosts is read for it once. Thread-safe."""

    def __init__(self) -> None:
        self._known_lock = threading.Lock()
        self._known: dict[tuple[str, int, int], tuple[threading.Lock, list[str]]] = {}

    def of(self, path: str, cancel: Cancel) -> str:
        """Raises: TransferError when it cannot be read, Cancelled."""
        with local(f"read {path}"):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            found = os.fstat(descriptor)
            with self._known_lock:
                lock, value = self._known.setdefault((path, found.st_size, found.st_mtime_ns), (threading.Lock(), []))
            with lock:
                if not value:
                    value.append(digest_of(descriptor, path, cancel))
                return value[0]
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


def need_remote_digests(session: Session, cancel: Cancel) -> None:
    """Find out before anything is moved. Raises: as `remote_digests`."""
    remote_digests(session, ["/"], cancel)


def remote_digests(session: Session, paths: Sequence[str], cancel: Cancel) -> list[str]:
    """Of files on a host, in order; "" for one that cannot be read.

    Raises: ToolMissing when the host has none of the tools, or runs no commands, and what `Session.run` raises.
    """
    found: list[str] = []
    for batch in _batches(paths):
        said = bytearray()

        def receive(stream: Stream, data: bytes, said: bytearray = said) -> None:
            if stream == "stdout":
                said.extend(data)

        arguments = " ".join(shlex.quote(f"./{path}" if path.startswith("-") else path) for path in batch)
        session.run(f"exec sh -c {shlex.quote(_SCRIPT)} sh {arguments}", receive, cancel)
        # As many lines as there are files, from the end: a start-up file may have its say before them.
        lines = said.decode(errors="replace").split("\n")[:-1][-len(batch) - 1 :]
        if lines[-1:] != ["end"] or len(lines) <= len(batch):
            raise ToolMissing(_NO_TOOL, hint="leave out --verify and --checksum")
        found += [match[0] if (match := _DIGEST.match(line)) else "" for line in lines[:-1]]
    return found


def check_tool(session: Session, cancel: Cancel) -> None:
    """Before anything is moved. Raises: ToolMissing, and what `Session.run` raises."""
    remote_digests(session, ["/dev/null"], cancel)


def compared(theirs: str, ours: str, shown: str) -> DigestMismatch | None:
    """Why a file is not taken for what it should be. `shown`: its path, for people."""
    if theirs == ours:
        return None
    if not theirs:
        hint = "is SFTP confined to a directory there, which commands see from outside?"
        return DigestMismatch(f"{shown} cannot be checked: the host's commands do not find it", hint=hint)
    return DigestMismatch(f"{shown} did not arrive as it was sent", hint="try again")


def _batches(paths: Sequence[str]) -> list[list[str]]:
    batches: list[list[str]] = []
    size = _COMMAND_SIZE
    for path in paths:
        if size + len(path) + 10 > _COMMAND_SIZE:
            batches.append([])
            size = 0
        batches[-1].append(path)
        size += len(path) + 10
    return batches
