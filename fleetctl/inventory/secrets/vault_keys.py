"""SSH keys of a vault: the public ones that it is locked to, and the private one that opens it, once decrypted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

from fleetctl.asking import Ask, ask_passphrase
from fleetctl.errors import SecretError
from fleetctl.inventory.secrets import age, private_file
from fleetctl.model import Secret

_OPENSSH = b"BEGIN OPENSSH PRIVATE KEY"
_READABLE = 0o077


def read_public(path: Path) -> str:
    """The key in a file KEY.pub. Raises: SecretError when it is none that a vault can be locked to."""
    try:
        text = path.read_bytes()[:65536].decode()
    except OSError as error:
        raise SecretError(f"cannot read {path}: {error.strerror}", hint="name a public key: KEY.pub") from error
    except UnicodeDecodeError:
        raise SecretError(f"{path} is no public key", hint="name a public key: KEY.pub") from None
    if "PRIVATE KEY" in text:
        raise SecretError(f"{path} is a private key", hint=f"name the public one: {path}.pub")
    public = " ".join(text.split()[:2])
    try:
        age.check_recipient(public)
    except SecretError as error:
        raise SecretError(f"{path}: {error.message}", hint=error.hint) from None
    return public


def open_key(path: Path, ask: Ask | None) -> Any:
    """The private key, for `age.unseal`; the passphrase of an encrypted one is asked for.

    Raises: SecretError when others can read it, or it cannot be used.
    """
    data = private_file.read(path, _READABLE, "can be read by others")
    plain = age.identity(data)
    if plain is None and (decrypted := _decrypted(path, data, None)) is not None:
        plain = age.identity(decrypted)
        if plain is None:
            raise _unusable(path)
    if plain is not None:
        return plain
    if ask is None:
        raise SecretError(f"key {path} is encrypted and nobody can be asked", hint="use a key without a passphrase")
    found = ask_passphrase(f"key {path}", ask, lambda typed: _identity(path, data, typed))
    if found is None:
        raise SecretError(f"wrong passphrase for key {path}", hint="run it again with the right one")
    return found


def _identity(path: Path, data: bytes, passphrase: Secret) -> Any:
    decrypted = _decrypted(path, data, passphrase)
    return None if decrypted is None else age.identity(decrypted)


def _decrypted(path: Path, data: bytes, passphrase: Secret | None) -> bytes | None:
    """The key without its encryption; None when the passphrase is missing or wrong."""
    word = None if passphrase is None else passphrase.reveal().encode()
    load = load_ssh_private_key if _OPENSSH in data else load_pem_private_key
    try:
        key: Any = load(data, word, unsafe_skip_rsa_key_validation=True)
    except TypeError:
        return None
    except (ValueError, UnsupportedAlgorithm):
        if word is None:
            raise _unusable(path) from None
        return None
    return bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))


def _unusable(path: Path) -> SecretError:
    return SecretError(f"cannot use key {path}", hint="a vault is opened by ssh-ed25519 and ssh-rsa keys")
