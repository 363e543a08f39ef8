"""Private key files, each read and decoded once per run, however many hosts use it."""

from __future__ import annotations

import errno
import io
import os
import threading
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key
from paramiko import ECDSAKey, Ed25519Key, PKey, RSAKey, SSHException
from paramiko.pkey import UnknownKeyType

from fleetctl.asking import Ask, ask_passphrase
from fleetctl.errors import HostError, KeyUnusable, NotConnected, SecretError
from fleetctl.model import Secret


class _EncodedRSAKey(RSAKey):
    """Its public half is encoded once; paramiko would do it twice per login, 3,072 bits in a Python loop."""

    def __init__(self, key: RSAPrivateKey) -> None:
        super().__init__(key=key)
        self._encoded = super().asbytes()

    def asbytes(self) -> bytes:
        return self._encoded


class KeyLocked(KeyUnusable):
    """It is encrypted, and there is no passphrase for it."""


class KeyRing:
    """Decoded private keys by path and passphrase. Thread-safe; what cannot be used is remembered too."""

    def __init__(self) -> None:
        self._keys_lock = threading.Lock()
        self._keys: dict[tuple[str, Secret | None], PKey | KeyUnusable] = {}

    def key(self, path: str, passphrase: Secret | None) -> PKey:
        """The key in a file, without any certificate.

        Raises: KeyUnusable when it cannot be read or decoded; NotConnected when no more files can be opened.
        """
        wanted = (path, passphrase)
        with self._keys_lock:
            if wanted not in self._keys:
                try:
                    self._keys[wanted] = _load(Path(path), passphrase)
                except KeyUnusable as error:
                    self._keys[wanted] = error
            found = self._keys[wanted]
        if isinstance(found, KeyUnusable):
            raise type(found)(found.message, hint=found.hint, path=path) from found
        return found

    def unlock(self, path: str, ask: Ask) -> None:
        """Ask a person for the passphrase of an encrypted key that has none. What comes of it holds for the run.

        Where nobody can be asked, or nothing is typed, the key stays locked.
        """
        try:
            key = ask_passphrase(f"key {path}", ask, lambda typed: _unlocked(Path(path), typed))
        except SecretError:
            return
        hint = "its passphrase was typed wrong three times"
        found = key or KeyUnusable(f"wrong passphrase for key {path}", hint=hint, path=path)
        with self._keys_lock:
            self._keys[path, None] = found


def _load(path: Path, passphrase: Secret | None) -> PKey:
    if path.suffix == ".pub":
        raise KeyUnusable(
            f"{path} is a public key, and no agent holds the private one",
            hint=f"name {path.with_suffix('')}, or give that to an agent: ssh-add",
            path=str(path),
        )
    _check_permissions(path)
    try:
        return _decode(path, None)
    except TypeError:
        # PKey.from_path says TypeError both for "encrypted, no password" and "password, not encrypted".
        if passphrase is None:
            raise KeyLocked(
                f"key {path} is encrypted and no passphrase is given",
                hint="set `key_passphrase` in the inventory, or add the key to an ssh-agent",
                path=str(path),
            ) from None
    unlocked = _unlocked(path, passphrase)
    if unlocked is None:
        hint = "check `key_passphrase` in the inventory"
        raise KeyUnusable(f"wrong passphrase for key {path}", hint=hint, path=str(path))
    return unlocked


def _unlocked(path: Path, passphrase: Secret) -> PKey | None:
    """The key of an encrypted file; None when the passphrase is the wrong one."""
    try:
        return _decode(path, passphrase.reveal().encode())
    except KeyUnusable:
        return None


def _check_permissions(path: Path) -> None:
    """As OpenSSH (authfile.c: `sshkey_perm_ok`): a key of ours that others can read is not used."""
    try:
        status = path.stat()
    except OSError as error:
        raise _unread(path, error) from error
    if status.st_uid == os.getuid() and status.st_mode & 0o077:
        raise KeyUnusable(
            f"key {path} can be read by others (mode {status.st_mode & 0o777:04o}) and is not used",
            hint=f"chmod 600 {path}; if others had it, make a new one",
            path=str(path),
        )


def _decode(path: Path, passphrase: bytes | None) -> PKey:
    """Not by PKey.from_path: that one takes the certificate beside a key for a part of it."""
    try:
        data = path.read_bytes()
        loaded = _loaded(data, passphrase)
        if isinstance(loaded, RSAPrivateKey):
            return _EncodedRSAKey(loaded)
        kind = Ed25519Key if isinstance(loaded, Ed25519PrivateKey) else ECDSAKey
        load: Callable[..., PKey] = kind.from_private_key
        return load(io.StringIO(data.decode()), password=passphrase)
    except OSError as error:
        raise _unread(path, error) from error
    except (ValueError, SSHException, UnknownKeyType, UnsupportedAlgorithm) as error:
        raise KeyUnusable(
            f"cannot use key {path}: not a private key that paramiko reads",
            hint="RSA, Ed25519 and ECDSA keys in OpenSSH or PEM form can be used",
            path=str(path),
        ) from error


def _unread(path: Path, error: OSError) -> HostError:
    """What a file that cannot be read means. Descriptors that have run out say nothing about the key."""
    if error.errno in {errno.EMFILE, errno.ENFILE}:
        return NotConnected(f"cannot read key {path}: {error.strerror}", hint="raise `ulimit -n` or lower --fanout")
    return KeyUnusable(
        f"cannot read key {path}: {error.strerror}", hint="check the path and its permissions", path=str(path)
    )


def _loaded(data: bytes, passphrase: bytes | None) -> object:
    """The key as cryptography has it. The primes of an RSA key are not proven: that costs 0.15 s of CPU for 3072 bits.

    OpenSSH does not prove them either: the file is the user's own, and OpenSSL checks each signature it makes.
    """
    try:
        return load_ssh_private_key(data, passphrase, unsafe_skip_rsa_key_validation=True)
    except ValueError:
        return load_pem_private_key(data, passphrase, unsafe_skip_rsa_key_validation=True)
