"""Key pairs for tests, one of every kind, made once and kept in a directory.

Made with cryptography and not with ssh-keygen, so that tests without OpenSSH have them too.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.support.secrecy import secret

PASSPHRASE = secret("passphrase of the keys")
TYPES = ("rsa", "ed25519", "ecdsa")

PrivateKey = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class KeySet:
    """Private key files by name: `rsa`, `ed25519`, `ecdsa`; the same keys as `rsa-encrypted` and
    `ed25519-encrypted` (with PASSPHRASE) and `rsa-pem`; and `stranger`, which no server is told of.
    """

    directory: Path

    def path(self, name: str) -> Path:
        return self.directory / name

    def public(self, name: str) -> str:
        """The public half as OpenSSH writes it: type and base64, without a comment."""
        return self.path(f"{name}.pub").read_text().strip()

    def authorized(self) -> str:
        """The text of an authorized_keys file that lets in every key but the stranger."""
        return "".join(f"{self.public(name)}\n" for name in TYPES)


def make_keys(directory: Path) -> KeySet:
    """Write a new KeySet into `directory`, which must exist."""
    keys: dict[str, PrivateKey] = {
        "rsa": rsa.generate_private_key(public_exponent=65537, key_size=3072),
        "ed25519": ed25519.Ed25519PrivateKey.generate(),
        "ecdsa": ec.generate_private_key(ec.SECP256R1()),
        "stranger": ed25519.Ed25519PrivateKey.generate(),
    }
    for name, key in keys.items():
        _write(directory / name, key)
    _write(directory / "rsa-encrypted", keys["rsa"], PASSPHRASE)
    _write(directory / "ed25519-encrypted", keys["ed25519"], PASSPHRASE)
    _write(directory / "rsa-pem", keys["rsa"], form=serialization.PrivateFormat.TraditionalOpenSSL)
    return KeySet(directory)


def _write(
    path: Path,
    key: PrivateKey,
    passphrase: str = "",
    form: serialization.PrivateFormat = serialization.PrivateFormat.OpenSSH,
) -> None:
    lock = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, lock))
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    path.with_name(f"{path.name}.pub").write_bytes(public)
