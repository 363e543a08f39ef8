"""The age format (age-encryption.org/v1), by the library pyrage: data sealed to SSH keys, or with a passphrase."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
import pyrage

from fleetctl.errors import SecretError
from fleetctl.model import Secret

_VERSION = b"age-encryption.org/v1\n"
_END = b"\n--- "
_NOT_WITH_THIS = {"Decryption failed", "No matching keys found"}
"""What the library says of a wrong passphrase and of a wrong key; its class for them is the one for every failure."""


_TOO_MUCH_WORK = "Excessive work parameter"
_ENOUGH_WORK = 17
_TIMES_MEASURED = 20
"""The library measures for a millisecond how much work this machine does in a second, and takes that for the work of a
passphrase, or refuses 16 times as much. On a busy machine it measures wrong, so it is made to measure again.
"""


class Damaged(Exception):
    """Nothing can be unsealed: the data is not in this format, was changed, or is cut off."""


class Laborious(Exception):
    """To try a passphrase would take this machine minutes."""


class Locked(msgspec.Struct, frozen=True):
    """What sealed data says in clear of who can open it.

    Args:
        by_passphrase: whoever knows it; else those who have one of the keys.
        work: the exponent of what it costs to try a passphrase.
        tags: what is shown of each key: four bytes of a digest.
    """

    by_passphrase: bool
    tags: frozenset[str]
    work: int = 0


def locked(sealed: bytes) -> Locked:
    """Raises: Damaged."""
    head, end, _ = sealed.partition(_END)
    if not end or not head.startswith(_VERSION):
        raise Damaged
    stanzas = [line.decode("ascii", "replace").split() for line in head.split(b"\n") if line.startswith(b"-> ")]
    tags = frozenset(words[2] for words in stanzas if words[1:2] in (["ssh-ed25519"], ["ssh-rsa"]) and len(words) > 2)
    work = [words[3] for words in stanzas if words[1:2] == ["scrypt"] and len(words) > 3]
    return Locked(bool(work), tags, int(work[0]) if work and work[0].isdigit() else 0)


def tag(public: str) -> str:
    """What the head of sealed data shows of a public key, given as `ssh-ed25519 AAAA…`."""
    blob = base64.b64decode(public.split()[1])
    return base64.b64encode(hashlib.sha256(blob).digest()[:4]).decode().rstrip("=")


def check_recipient(public: str) -> None:
    """Raises: SecretError when nothing can be sealed to that public key."""
    _recipient(public)


def seal(data: bytes, publics: Sequence[str]) -> bytes:
    """For whoever has the private half of one of these keys. Raises: SecretError when one cannot be used."""
    return bytes(pyrage.encrypt(data, list(map(_recipient, publics))))


def seal_with(data: bytes, passphrase: Secret) -> bytes:
    """It takes about a second, on purpose: so does each guess."""
    for _ in range(_TIMES_MEASURED):
        sealed = bytes(pyrage.passphrase.encrypt(data, passphrase.reveal()))
        if locked(sealed).work >= _ENOUGH_WORK:
            break
    return sealed


def unseal(sealed: bytes, identity: Any) -> bytes | None:
    """None when it was not sealed to that key. Raises: Damaged."""
    try:
        return bytes(pyrage.decrypt(sealed, [identity]))
    except pyrage.DecryptError as error:
        if str(error) in _NOT_WITH_THIS:
            return None
        raise Damaged from None


def unseal_with(sealed: bytes, passphrase: Secret) -> bytes | None:
    """None when it was not sealed with that passphrase. Raises: Damaged, Laborious."""
    for _ in range(_TIMES_MEASURED):
        try:
            return bytes(pyrage.passphrase.decrypt(sealed, passphrase.reveal()))
        except pyrage.DecryptError as error:
            if str(error) in _NOT_WITH_THIS:
                return None
            if not str(error).startswith(_TOO_MUCH_WORK):
                raise Damaged from None
    raise Laborious


def identity(private: bytes) -> Any:
    """A private key to unseal with; None when it is encrypted, or of a form that only others read."""
    try:
        return pyrage.ssh.Identity.from_buffer(private)
    except pyrage.IdentityError:
        return None


def _recipient(public: str) -> Any:
    try:
        return pyrage.ssh.Recipient.from_str(" ".join(public.split()[:2]))
    except pyrage.RecipientError:
        kind = (public.split() or ["nothing"])[0][:40]
        raise SecretError(
            f"{kind}: no key that can lock a vault", hint="use an ssh-ed25519 or ssh-rsa key, or a passphrase"
        ) from None
