"""known_hosts files: read and indexed, appended to, and names taken out again.

The format is that of sshd(8), SSH_KNOWN_HOSTS FILE FORMAT: plain names, patterns with `*`, `?` and `!`,
`[host]:port`, hashed names, `@revoked` and `@cert-authority`.
What the lines mean for a host is not decided here.
"""

from __future__ import annotations

import base64
import binascii
import errno
import hashlib
import hmac
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

from fleetctl.errors import UntrustedError
from fleetctl.file_locks import taken_within

_MAX_FILE_BYTES = 64 * 1024 * 1024
_LOCK_SECONDS = 10.0
_BLANK = re.compile(r"[ \t]+")


class ServerKey(msgspec.Struct, frozen=True):
    """A host key as it travels: `kind` such as `ssh-ed25519`, `blob` its RFC 4253 encoding.

    Args:
        certificate: the one that the server shows for it, likewise; b"" when it shows none.
    """

    kind: str
    blob: bytes
    certificate: bytes = b""

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.blob)

    @property
    def bare(self) -> ServerKey:
        return ServerKey(self.kind, self.blob)

    @property
    def line(self) -> str:
        return f"{self.kind} {base64.b64encode(self.blob).decode()}"


class Entry(msgspec.Struct, frozen=True):
    """One key of one known_hosts line. `names` is its first field as written, `marker` what may stand before it."""

    names: str
    key: ServerKey
    marker: str
    file: Path
    line: int

    @property
    def revoked(self) -> bool:
        return self.marker == "@revoked"

    @property
    def authority(self) -> bool:
        return self.marker == "@cert-authority"

    @property
    def is_pattern(self) -> bool:
        return not self.names.startswith("|") and any(char in self.names for char in "*?!")

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"


class Known(msgspec.Struct, frozen=True):
    """What is known of a host: entries for `[address]:port`, and those for the bare address.

    As in OpenSSH (sshconnect.c: `check_host_key`) a bare entry may vouch for a key on another port when
    there is no own one, but a bare entry that differs says nothing: another server may listen there.

    Args:
        authorities: who may certify keys of the host, on any port.
        revoked: keys and authorities that must not be trusted, likewise.
    """

    own: list[Entry]
    bare: list[Entry]
    authorities: list[Entry]
    revoked: list[Entry]


def fingerprint(blob: bytes) -> str:
    """The form that ssh-keygen -l prints: `SHA256:` and unpadded base64."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def lookup_name(address: str, port: int) -> str:
    """What a host is called in known_hosts: its bare name on port 22, else `[name]:port`."""
    name = address.lower()
    return name if port == 22 else f"[{name}]:{port}"


class KnownHostsFile:
    """One file as it was read: plain names in a dict, hashed names and patterns in lists. Not thread-safe.

    Raises: UntrustedError when it is there and cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = _stamp(path)
        self._lines = 0
        self._plain: dict[str, list[Entry]] = {}
        self._hashed: list[tuple[bytes, bytes, Entry]] = []
        self._patterns: list[tuple[re.Pattern[str], re.Pattern[str] | None, Entry]] = []
        # A host is looked up before and after its key exchange, and each hashed line costs an HMAC per look.
        self._found: dict[str, list[Entry]] = {}
        self._read(_text(path))

    def known(self, name: str, bare: str) -> Known:
        """What it has under a name, and under that without a port."""
        every = self._named(name)
        own = [entry for entry in every if not entry.authority]
        others = self._named(bare) if bare != name else []
        vouched = any(not entry.revoked for entry in own)
        return Known(
            own,
            [] if vouched else [entry for entry in others if not entry.authority],
            [entry for entry in (*every, *others) if entry.authority],
            [entry for entry in (*every, *others) if entry.revoked],
        )

    @property
    def is_current(self) -> bool:
        """Whether the file is still the one that was read."""
        return self._stamp == _stamp(self._path)

    def append(self, stream: BinaryIO, name: str, key: ServerKey) -> None:
        """Write a line to `stream`, the same file under its lock, and know it from now on."""
        size = stream.seek(0, os.SEEK_END)
        line = f"{name} {key.line}\n"
        unfinished = size and os.pread(stream.fileno(), 1, size - 1) != b"\n"
        text = (f"\n{line}" if unfinished else line).encode()
        written = stream.write(text)
        if written != len(text):  # a full disk: half a line must not stay
            stream.truncate(size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._read(line)
        self._found.pop(name, None)
        stamp = _stamp(self._path)
        # Had anyone else written meanwhile, as ssh does without a lock, the stamp stays old: it is read again.
        if stamp is not None and stamp[1] == size + written and (self._stamp or (0, 0))[1] == size:
            self._stamp = stamp

    def _named(self, name: str) -> list[Entry]:
        if name not in self._found:
            self._found[name] = self._find(name)
        return self._found[name]

    def _find(self, name: str) -> list[Entry]:
        data = name.encode()
        hashed = [entry for salt, digest, entry in self._hashed if hmac.digest(salt, data, "sha1") == digest]
        patterned = [
            entry
            for wanted, unwanted, entry in self._patterns
            if wanted.fullmatch(name) and not (unwanted and unwanted.fullmatch(name))
        ]
        return [*self._plain.get(name, ()), *hashed, *patterned]

    def _read(self, text: str) -> None:
        """The usable lines; what cannot be read is passed over, as OpenSSH does.

        Only a line feed ends a line and only blanks part fields: what Python takes for more would let a comment
        vouch for a key.
        """
        lines = text.split("\n")
        if lines[-1] == "":
            lines.pop()
        for line in lines:
            self._lines += 1
            fields = _BLANK.split(line.strip(" \t\r"))
            if fields[0] == "" or fields[0].startswith("#"):
                continue
            marker = fields.pop(0) if fields[0].startswith("@") else ""
            if marker not in {"", "@revoked", "@cert-authority"} or len(fields) < 3:
                continue
            names, kind, encoded = fields[:3]
            try:
                key = ServerKey(kind, base64.b64decode(encoded, validate=True))
            except (binascii.Error, ValueError):
                continue
            self._index(Entry(names, key, marker, self._path, self._lines))

    def _index(self, entry: Entry) -> None:
        names = entry.names.lower().split(",")
        if entry.names.startswith("|1|"):
            self._hashed += [(salt, digest, entry) for salt, digest in _unhashed(entry.names)]
        elif entry.is_pattern:
            wanted = any_of(name for name in names if not name.startswith("!"))
            unwanted = any_of(name[1:] for name in names if name.startswith("!"))
            if wanted:
                self._patterns.append((wanted, unwanted, entry))
        else:
            for name in names:
                self._plain.setdefault(name, []).append(entry)


@contextmanager
def writable(path: Path) -> Iterator[BinaryIO]:
    """The file opened for appending, made if need be, under a lock that other fleetctl processes take too.

    Raises: UntrustedError when it cannot be written, or stays locked.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(path) as stream:
            yield stream
    except OSError as error:
        raise UntrustedError(
            f"cannot write {path}: {error.strerror}", hint="mend its permissions, or name another known_hosts"
        ) from error


def rewrite(path: Path, name: str, line: str) -> None:
    """Take the name out and put a line in its place, whole or not at all; every other byte stays. Hold its lock."""
    path = path.resolve()
    if not path.is_file():  # /dev/null, say: renamed onto, it would be no device any more
        raise OSError(errno.EINVAL, "not a regular file")
    lines = path.read_bytes().decode(errors="surrogateescape").split("\n")
    kept = "\n".join(one for one in (_without(one, name) for one in lines) if one is not None)
    end = "\n" if line and kept and not kept.endswith("\n") else ""
    descriptor, fresh = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(descriptor, "wb") as stream:
            stream.write(f"{kept}{end}{line}".encode(errors="surrogateescape"))
            stream.flush()
            os.fsync(stream.fileno())
        status = path.stat()
        shutil.chown(fresh, status.st_uid, status.st_gid)
        Path(fresh).chmod(status.st_mode & 0o777)
        Path(fresh).replace(path)
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise


def _unhashed(field: str) -> list[tuple[bytes, bytes]]:
    """Salt and digest of a name hidden as HMAC-SHA1, `|1|salt|hash` (ssh-keygen -H); [] when it cannot be read."""
    try:
        _, _, salt, digest = field.split("|")
        return [(base64.b64decode(salt), base64.b64decode(digest))]
    except (ValueError, binascii.Error):
        return []


def any_of(patterns: Iterable[str]) -> re.Pattern[str] | None:
    """Matches any of the patterns, in which `*` and `?` are wild; None where there are none."""
    wild = {"*": ".*", "?": "."}
    either = ["".join(wild.get(char) or re.escape(char) for char in pattern) for pattern in patterns]
    return re.compile("|".join(either)) if either else None


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            data = stream.read(_MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return ""
    except OSError as error:
        # Without the file no key can be shown to be right: fail closed.
        raise UntrustedError(
            f"cannot read {path}: {error.strerror}", hint="mend its permissions, or name another known_hosts"
        ) from error
    if len(data) > _MAX_FILE_BYTES:
        # What is behind may revoke a key.
        raise UntrustedError(f"{path} is larger than 64 MiB", hint="split it, or name another known_hosts")
    return data.decode(errors="replace")


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Inode, size and time of change; None when it is not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _locked(path: Path) -> BinaryIO:
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        stream = open(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600), "r+b", buffering=0)  # noqa: SIM115
        try:
            _lock(stream, path, deadline)
            if os.fstat(stream.fileno()).st_ino == path.stat().st_ino:
                return stream
        except BaseException:
            stream.close()
            raise
        stream.close()  # replaced while we waited for the lock: take the new one


def _lock(stream: BinaryIO, path: Path, deadline: float) -> None:
    if not taken_within(stream.fileno(), deadline - time.monotonic()):
        raise UntrustedError(
            f"cannot write {path}: another process holds its lock for more than {_LOCK_SECONDS:g} s",
            hint=f"see who: fuser {path}",
        )


def _without(line: str, name: str) -> str | None:
    """The line with the name taken out; None when it was the only one."""
    fields = _BLANK.split(line.lstrip(" \t"), maxsplit=1)
    if len(fields) < 2 or fields[0].startswith(("#", "@")):
        return line
    if fields[0].startswith("|1|"):
        same = any(hmac.digest(salt, name.encode(), "sha1") == digest for salt, digest in _unhashed(fields[0]))
        return None if same else line
    given = fields[0].split(",")
    names = [one for one in given if one.lower() != name]
    if names == given:
        return line
    return f"{','.join(names)} {fields[1]}" if names else None
