"""What a private key file shows without its passphrase: the public half, from beside it or from its own head."""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path

_MAGIC = b"openssh-key-v1\0"
_ARMOUR = re.compile(rb"-----BEGIN OPENSSH PRIVATE KEY-----(.*?)-----END", re.DOTALL)
_MOST_BYTES = 65536


def public_half(private: Path) -> str | None:
    """`ssh-ed25519 AAAA…` of a private key: from KEY.pub, or from the file itself, whose head is in clear.

    None where it is in neither.
    """
    for found in (_from_neighbour(private), _from_head(private)):
        if found is not None:
            return found
    return None


def _from_neighbour(private: Path) -> str | None:
    try:
        words = private.with_name(f"{private.name}.pub").read_bytes()[:_MOST_BYTES].split()
        return _written(base64.b64decode(words[1], validate=True))
    except (OSError, IndexError, binascii.Error):
        return None


def _from_head(private: Path) -> str | None:
    """PROTOCOL.key of OpenSSH: after cipher, KDF, its options and a count comes the public key."""
    try:
        found = _ARMOUR.search(private.read_bytes()[:_MOST_BYTES])
        data = base64.b64decode(b"".join(found[1].split())) if found else b""
    except (OSError, binascii.Error):
        return None
    if not data.startswith(_MAGIC):
        return None
    rest = data[len(_MAGIC) :]
    for _ in range(3):
        _, rest = _string(rest)
    return _written(_string(rest[4:])[0])


def _written(public: bytes) -> str | None:
    """As a .pub file has it; None when it does not begin with its kind, as every public key does."""
    kind, rest = _string(public)
    if not rest or not kind.isascii() or not kind.decode().isprintable():
        return None
    return f"{kind.decode()} {base64.b64encode(public).decode()}"


def _string(data: bytes) -> tuple[bytes, bytes]:
    """A length-prefixed string, and what follows it."""
    end = 4 + int.from_bytes(data[:4], "big")
    return data[4:end], data[end:]
