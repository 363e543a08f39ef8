"""OpenSSH certificates of users, and the public halves of keys: what lies beside private key files, read once per run.

A certificate is a server's to judge. What is read here serves to find its key, and to say why it may have been refused.
"""

from __future__ import annotations

import base64
import re
import threading
import time
from pathlib import Path

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificate,
    SSHCertificateType,
    load_ssh_public_identity,
)
from paramiko import Message

from fleetctl.errors import KeyUnusable
from fleetctl.ssh.trust.known_hosts import fingerprint

_MOST_BYTES = 256 * 1024
_LAST_SECOND = 253_402_300_799
"""Of the year 9999: `for ever` has more digits than calendars."""
_PRIVATE = re.compile(rb"-----BEGIN OPENSSH PRIVATE KEY-----\s(.*?)-----END", re.DOTALL)
_MAGIC = b"openssh-key-v1\0"
HELD = "of the agent"


class Certificate(msgspec.Struct, frozen=True):
    """One certificate.

    Args:
        where: its path, or HELD.
        certified: the public key it is for, in its RFC 4253 encoding.
        authority: the fingerprint of the key that signed it.
        begins, ends: seconds since the epoch.
    """

    where: str
    kind: str
    blob: bytes
    certified: bytes
    authority: str
    for_users: bool
    principals: tuple[str, ...]
    begins: int
    ends: int

    def doubt(self, user: str) -> str:
        """Why a server may have refused it for this user, as far as that can be seen from here."""
        now = time.time()
        if not self.for_users:
            reason = "is for hosts, not for users"
        elif now >= self.ends:
            reason = f"expired on {date(self.ends)}"
        elif now < self.begins:
            reason = f"is not valid before {date(self.begins)}"
        elif not self.principals:
            reason = "names no principals, which sshd insists on"
        elif user not in self.principals:
            reason = f"is for {', '.join(self.principals)}, not for {user}"
        else:
            reason = f"was not accepted: is its CA, {self.authority}, among the server's TrustedUserCAKeys?"
        return f"certificate {self.where} {reason}"


class KeyFile(msgspec.Struct, frozen=True):
    """What can be told of a key without its passphrase.

    Args:
        public: its public half; b"" when that is not to be found.
        usable: whether its private half lies there, and unencrypted.
    """

    public: bytes = b""
    usable: bool = False


class PublicHalves:
    """Public keys and certificates by path. Thread-safe; what cannot be read is remembered too."""

    def __init__(self) -> None:
        self._files_lock = threading.Lock()
        self._keys: dict[str, KeyFile] = {}
        self._certificates: dict[str, Certificate | KeyUnusable | None] = {}

    def key(self, path: str) -> KeyFile:
        """Of a private key, or of one that is in an agent and has only PATH.pub, or a PATH that ends in .pub, here."""
        with self._files_lock:
            if path not in self._keys:
                self._keys[path] = _key_file(Path(path))
            return self._keys[path]

    def beside(self, path: str) -> Certificate | None:
        """The certificate that stands beside a key. Raises: KeyUnusable."""
        stem = path.removesuffix(".pub")
        return self._certificate(f"{stem}-cert.pub")

    def certificate(self, path: str) -> Certificate:
        """Raises: KeyUnusable when it cannot be read, or is none."""
        found = self._certificate(path)
        if found is None:
            raise KeyUnusable(f"cannot read certificate {path}: no such file", hint="check the path", path=path)
        return found

    def _certificate(self, path: str) -> Certificate | None:
        with self._files_lock:
            if path not in self._certificates:
                try:
                    self._certificates[path] = _read(path)
                except KeyUnusable as error:
                    self._certificates[path] = error
            found = self._certificates[path]
        if isinstance(found, KeyUnusable):
            raise KeyUnusable(found.message, hint=found.hint, path=path) from found
        return found


def parse(kind: str, blob: bytes, where: str) -> Certificate:
    """Raises: ValueError when it is no certificate that can be read."""
    try:
        held = load_ssh_public_identity(f"{kind} {base64.b64encode(blob).decode()}".encode())
        if isinstance(held, SSHCertificate):
            return Certificate(
                where,
                kind,
                blob,
                encoded(held.public_key()),
                fingerprint(encoded(held.signature_key())),
                held.type is SSHCertificateType.USER,
                tuple(name.decode(errors="replace") for name in held.valid_principals),
                held.valid_after,
                held.valid_before,
            )
    except UnsupportedAlgorithm as error:
        raise ValueError("a kind of key that cannot be used") from error
    raise ValueError("a plain key")


def encoded(key: object) -> bytes:
    """A public key of any kind of cryptography's, as RFC 4253 has it."""
    public = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)  # type: ignore[attr-defined]  # of every kind
    return base64.b64decode(public.split()[1])


def _read(path: str) -> Certificate | None:
    try:
        with open(path, "rb") as stream:
            kind, blob = _line(stream.read(_MOST_BYTES))
        return parse(kind, blob, path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KeyUnusable(
            f"cannot read certificate {path}: {error.strerror}", hint="check its permissions", path=path
        ) from error
    except ValueError as error:
        raise KeyUnusable(
            f"cannot use certificate {path}: {error}",
            hint="`ssh-keygen -L -f` shows what a certificate holds",
            path=path,
        ) from error


def _line(data: bytes) -> tuple[str, bytes]:
    """Raises: ValueError."""
    fields = data.split(None, 2)
    if len(fields) < 2:
        raise ValueError("not a public key")
    blob = base64.b64decode(fields[1], validate=True)
    kind = fields[0].decode()
    if Message(blob).get_string() != fields[0]:
        raise ValueError("not a public key")
    return kind, blob


def _key_file(path: Path) -> KeyFile:
    data = _head(path)
    if data.startswith(b"-----"):
        cipher, public = _from_private(data)
        return KeyFile(public or _public(_head(path.with_name(f"{path.name}.pub"))), usable=cipher == b"none")
    return KeyFile(_public(data or _head(path.with_name(f"{path.name}.pub"))))


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(_MOST_BYTES)
    except OSError:
        return b""  # who reads the key itself tells why


def _public(data: bytes) -> bytes:
    try:
        return _line(data)[1]
    except ValueError:
        return b""


def _from_private(data: bytes) -> tuple[bytes, bytes]:
    """The cipher of a private key, and its public half, which OpenSSH's form has in the clear (PROTOCOL.key)."""
    found = _PRIVATE.search(data)
    if found is None:
        return b"some" if b"ENCRYPTED" in data else b"none", b""
    try:
        fields = Message(base64.b64decode(found[1]).removeprefix(_MAGIC))
    except ValueError:
        return b"", b""
    cipher, _derivation, _options = (fields.get_string() for _ in range(3))
    fields.get_int()  # how many keys: one
    return cipher, fields.get_string()


def date(seconds: int) -> str:
    """A moment, for people. Args: seconds since the epoch."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(min(seconds, _LAST_SECOND)))
