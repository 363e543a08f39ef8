"""Is this the server we mean to talk to? known_hosts files read once per run, and the verdict on a key.

The format is that of sshd(8), SSH_KNOWN_HOSTS FILE FORMAT: plain names, patterns with `*`, `?` and `!`,
`[host]:port`, hashed names and `@revoked`. `@cert-authority` lines are not used for plain keys.
Stricter than OpenSSH in one point: a host known by keys of other types only is *changed*, not new.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import hashlib
import hmac
import os
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fleetctl.errors import HostKeyChanged, HostKeyRevoked, HostKeyUnknown, UntrustedError
from fleetctl.model import Host, HostKeyPolicy

_MAX_FILE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ServerKey:
    """A host key as it travels: `kind` such as `ssh-ed25519`, `blob` its RFC 4253 encoding."""

    kind: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.blob)

    @property
    def line(self) -> str:
        return f"{self.kind} {base64.b64encode(self.blob).decode()}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of one known_hosts line. `names` is its first field as written."""

    names: str
    key: ServerKey
    revoked: bool
    file: Path
    line: int


def fingerprint(blob: bytes) -> str:
    """The form that ssh-keygen -l prints: `SHA256:` and unpadded base64."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def lookup_name(address: str, port: int) -> str:
    """What a host is called in known_hosts: its bare name on port 22, else `[name]:port`."""
    name = address.lower()
    return name if port == 22 else f"[{name}]:{port}"


class KnownHosts:
    """The known_hosts files of a run, indexed. Thread-safe.

    Files are read at their first use and read again only when another process has changed one that we
    are about to append to.

    Args:
        trust_command: what a person types, with a host's name behind it, to trust a key.
    """

    def __init__(self, trust_command: str = "fleetctl trust") -> None:
        self._trust_command = trust_command
        self._files_lock = threading.Lock()
        self._files: dict[str, _File] = {}

    def kinds(self, host: Host) -> list[str]:
        """The key types held for a host: what to ask the server for first, so as not to find it changed."""
        known = self._known(host)
        return list(dict.fromkeys(e.key.kind for e in known.own or known.bare if not e.revoked))

    def check(self, host: Host, key: ServerKey) -> None:
        """Pass when the host's policy accepts the key; under accept-new an unknown key is written down.

        Raises:
            HostKeyRevoked, HostKeyChanged: under every policy but OFF.
            HostKeyUnknown: nothing is known of the host and the policy is STRICT.
        """
        if host.host_key_policy is HostKeyPolicy.OFF:
            return
        try:
            self.judge(host, key)
        except HostKeyUnknown:
            if host.host_key_policy is not HostKeyPolicy.ACCEPT_NEW:
                raise
            self.add(host, key)

    def judge(self, host: Host, key: ServerKey) -> None:
        """Pass when the key is known as the host's, whatever its policy.

        Raises: HostKeyRevoked, HostKeyChanged, HostKeyUnknown.
        """
        self._compare(host, key, self._known(host))

    def add(self, host: Host, key: ServerKey) -> None:
        """Append the key to the host's first known_hosts file, unless it is there already.

        Safe with other threads and processes: the file is locked and, if it grew, judged again first.
        Raises: as `check`; UntrustedError when the file cannot be written.
        """
        if not host.known_hosts:
            raise UntrustedError("no known_hosts file is configured to write the new key to")
        path = Path(host.known_hosts[0])
        with self._files_lock, _writable(path) as stream:
            try:
                self._compare(host, key, self._current(path).known(host))
            except HostKeyUnknown:
                _append(stream, f"{lookup_name(host.address, host.port)} {key.line}\n")
                self._files.pop(str(path), None)

    def replace(self, host: Host, key: ServerKey) -> None:
        """Take the host's name off every other key in all its files, then add this one.

        Raises: UntrustedError when a file cannot be written.
        """
        name = lookup_name(host.address, host.port)
        with self._files_lock:
            for known in host.known_hosts:
                path = Path(known)
                if self._current(path).known(host).own:
                    with _writable(path):
                        _forget(path, name)
                    self._files.pop(known, None)
        self.add(host, key)

    def _compare(self, host: Host, key: ServerKey, known: _Known) -> None:
        place = lookup_name(host.address, host.port)
        facts = {"address": place, "offered": f"{key.kind} {key.fingerprint}"}
        if any(entry.revoked and entry.key == key for entry in known.own + known.bare):
            raise HostKeyRevoked(
                f"the host key of {place} is revoked: {key.kind} {key.fingerprint}",
                hint="do not connect; ask whoever runs this host",
                **facts,
            )
        held = [entry for entry in known.own if not entry.revoked]
        if any(entry.key == key for entry in held or known.bare):
            return
        if not held:
            raise HostKeyUnknown(
                f"the host key of {place} is not known: {key.kind} {key.fingerprint}",
                hint=f"compare the fingerprint with the host's own, then: {self._trust_command} {host.name}",
                **facts,
            )
        first = held[0]
        raise HostKeyChanged(
            f"THE HOST KEY OF {place} HAS CHANGED: known {first.key.kind} {first.key.fingerprint} "
            f"({first.file}:{first.line}), offered {key.kind} {key.fingerprint}",
            hint="someone may be listening in. "
            f"If the host was really rebuilt: {self._trust_command} --replace {host.name}",
            known=[f"{entry.key.kind} {entry.key.fingerprint} {entry.file}:{entry.line}" for entry in held],
            **facts,
        )

    def _known(self, host: Host) -> _Known:
        with self._files_lock:
            files = [self._files.get(path) or self._read(Path(path)) for path in host.known_hosts]
        parts = [file.known(host) for file in files]
        return _Known([e for part in parts for e in part.own], [e for part in parts for e in part.bare])

    def _current(self, path: Path) -> _File:
        file = self._files.get(str(path))
        return file if file is not None and file.stamp == _stamp(path) else self._read(path)

    def _read(self, path: Path) -> _File:
        file = self._files[str(path)] = _File(path)
        return file


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a host: entries for `[address]:port`, and those for the bare address.

    As in OpenSSH (sshconnect.c: `check_host_key`) a bare entry may vouch for a key on another port when
    there is no own one, but a bare entry that differs says nothing: another server may listen there.
    """

    own: list[Entry]
    bare: list[Entry]


class _File:
    """One known_hosts file: plain names in a dict, hashed names and patterns in lists."""

    def __init__(self, path: Path) -> None:
        self.stamp = _stamp(path)
        self._plain: dict[str, list[Entry]] = {}
        self._hashed: list[tuple[bytes, bytes, Entry]] = []
        self._patterns: list[tuple[re.Pattern[str], re.Pattern[str] | None, Entry]] = []
        # A host is looked up before and after its key exchange, and each hashed line costs an HMAC per look.
        self._found: dict[str, list[Entry]] = {}
        for entry in _parse(path, _text(path)):
            self._index(entry)

    def known(self, host: Host) -> _Known:
        own = self._named(lookup_name(host.address, host.port))
        vouched = host.port == 22 or any(not entry.revoked for entry in own)
        return _Known(own, [] if vouched else self._named(host.address.lower()))

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

    def _index(self, entry: Entry) -> None:
        names = entry.names.lower().split(",")
        if entry.names.startswith("|1|"):
            self._hashed += [(salt, digest, entry) for salt, digest in _unhashed(entry.names)]
        elif any(char in entry.names for char in "*?!"):
            wanted = _any_of(name for name in names if not name.startswith("!"))
            unwanted = _any_of(name[1:] for name in names if name.startswith("!"))
            if wanted:
                self._patterns.append((wanted, unwanted, entry))
        else:
            for name in names:
                self._plain.setdefault(name, []).append(entry)


def _unhashed(field: str) -> list[tuple[bytes, bytes]]:
    """Salt and digest of a name hidden as HMAC-SHA1, `|1|salt|hash` (ssh-keygen -H); [] when it cannot be read."""
    try:
        _, _, salt, digest = field.split("|")
        return [(base64.b64decode(salt), base64.b64decode(digest))]
    except (ValueError, binascii.Error):
        return []


def _parse(path: Path, text: str) -> Iterator[Entry]:
    """The usable lines; what cannot be read is passed over, as OpenSSH does."""
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            continue
        marker = fields.pop(0) if fields[0].startswith("@") else ""
        if marker not in {"", "@revoked"} or len(fields) < 3:
            continue
        names, kind, encoded = fields[:3]
        try:
            key = ServerKey(kind, base64.b64decode(encoded, validate=True))
        except binascii.Error:
            continue
        yield Entry(names, key, marker == "@revoked", path, number)


def _any_of(patterns: Iterable[str]) -> re.Pattern[str] | None:
    """Matches any of the patterns, in which `*` and `?` are wild; None where there are none."""
    wild = {"*": ".*", "?": "."}
    either = ["".join(wild.get(char) or re.escape(char) for char in pattern) for pattern in patterns]
    return re.compile("|".join(either)) if either else None


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return stream.read(_MAX_FILE_BYTES).decode(errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        # Without the file no key can be shown to be right: fail closed.
        raise UntrustedError(
            f"cannot read {path}: {error.strerror}", hint="mend its permissions, or name another known_hosts"
        ) from error


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


@contextmanager
def _writable(path: Path) -> Iterator[BinaryIO]:
    """The file opened for appending, under a lock that other fleetctl processes take too."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(path) as stream:
            yield stream
    except OSError as error:
        raise UntrustedError(
            f"cannot write {path}: {error.strerror}", hint="mend its permissions, or name another known_hosts"
        ) from error


def _locked(path: Path) -> BinaryIO:
    while True:
        stream = open(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600), "r+b", buffering=0)  # noqa: SIM115
        try:
            fcntl.flock(stream, fcntl.LOCK_EX)
            if os.fstat(stream.fileno()).st_ino == path.stat().st_ino:
                return stream
        except BaseException:
            stream.close()
            raise
        stream.close()  # replaced while we waited for the lock: take the new one


def _append(stream: BinaryIO, line: str) -> None:
    size = stream.seek(0, os.SEEK_END)
    if size:
        stream.seek(-1, os.SEEK_END)
        if stream.read(1) != b"\n":
            line = "\n" + line
    stream.write(line.encode())


def _forget(path: Path, name: str) -> None:
    """Rewrite the file without the name, whole or not at all; every other byte stays."""
    path = path.resolve()
    kept = (_without(line, name) for line in path.read_bytes().splitlines(keepends=True))
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
        stream.write(b"".join(kept))
        stream.flush()
        os.fsync(stream.fileno())
    fresh.chmod(path.stat().st_mode & 0o777)
    fresh.replace(path)


def _without(line: bytes, name: str) -> bytes:
    fields = line.split(None, 1)
    if len(fields) < 2 or fields[0].startswith((b"#", b"@")):
        return line
    field = fields[0].decode(errors="replace")
    if field.startswith("|1|"):
        same = any(hmac.digest(salt, name.encode(), "sha1") == digest for salt, digest in _unhashed(field))
        return b"" if same else line
    names = [one for one in field.split(",") if one.lower() != name]
    if len(names) == field.count(",") + 1:
        return line
    return b"" if not names else ",".join(names).encode() + b" " + fields[1]
