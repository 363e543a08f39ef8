"""Does a certificate vouch for the host key that it is shown for? All of PROTOCOL.certkeys is checked, or it does not.

paramiko proves that the server holds the certified key, and looks at nothing else. Stricter than OpenSSH in one point:
a certificate that names no host is for none.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Collection, Iterator

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import SSHCertificate, SSHCertificateType, load_ssh_public_identity
from paramiko import Message

from fleetctl.ssh.login.certificates import date, encoded
from fleetctl.ssh.trust.known_hosts import ServerKey, any_of

KINDS = tuple(
    f"{kind}-cert-v01@openssh.com"
    for kind in (
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "rsa-sha2-512",
        "rsa-sha2-256",
    )
)
"""What a server is asked for that some authority may have certified."""

_NUMBERS = {b"ssh-rsa-cert-v01@openssh.com": 2, b"ssh-ed25519-cert-v01@openssh.com": 1}
"""How many fields the public key itself has; those on other curves have their name and a point."""


class HostCertificate:
    """What a server showed as one. Raises: ValueError when it is none that can be read."""

    def __init__(self, key: ServerKey) -> None:
        self._key = key
        kind = Message(key.certificate).get_string()
        try:
            held = load_ssh_public_identity(kind + b" " + base64.b64encode(key.certificate))
        except UnsupportedAlgorithm as error:
            raise ValueError("a kind of key that cannot be used") from error
        if not isinstance(held, SSHCertificate):
            raise ValueError("a plain key")  # noqa: TRY004 - it is the server's text that is wrong
        self._held = held
        self._signed_by = _signature_kind(key.certificate)
        self.authority = ServerKey("", encoded(held.signature_key()))

    def flaw(self, name: str, authorities: Collection[bytes]) -> str:
        """Why it does not vouch for the key of the host of that name; "" when it does.

        Args:
            authorities: public keys of those who may vouch, in their RFC 4253 encoding.
        """
        return next(self._flaws(name, authorities), "")

    def _flaws(self, name: str, authorities: Collection[bytes]) -> Iterator[str]:
        held = self._held
        now = time.time()
        if encoded(held.public_key()) != self._key.blob:
            yield "is for another key"
        if self.authority.blob not in authorities:
            yield f"is signed by {self.authority.fingerprint}, which no @cert-authority line names for this host"
        if self._signed_by == "ssh-rsa":
            yield "is signed with SHA-1"
        if not self._is_signed():
            yield "has a signature that is wrong"
        if held.type is not SSHCertificateType.HOST:
            yield "is for users, not for hosts"
        principals = [one.decode(errors="replace") for one in held.valid_principals]
        wanted = any_of(principals)
        if wanted is None or not wanted.fullmatch(name):
            yield f"is for {', '.join(principals) or 'no host'}, not for {name}"
        if now >= held.valid_before:
            yield f"expired on {date(held.valid_before)}"
        if now < held.valid_after:
            yield f"is not valid before {date(held.valid_after)}"
        if held.critical_options:
            yield "has critical options, which no host certificate may have"

    def _is_signed(self) -> bool:
        try:
            self._held.verify_cert_signature()
        except (InvalidSignature, UnsupportedAlgorithm, ValueError):
            return False
        return True


def _signature_kind(blob: bytes) -> str:
    """The algorithm of the authority's signature, which stands at the end of all that PROTOCOL.certkeys lists."""
    fields = Message(blob)
    kind = fields.get_string()
    for _ in range(1 + _NUMBERS.get(kind, 2)):  # the nonce first
        fields.get_string()
    fields.get_int64()  # serial number
    fields.get_int()  # of users or of hosts
    fields.get_string()  # key id
    fields.get_string()  # principals
    fields.get_int64()  # valid after
    fields.get_int64()  # valid before
    for _ in range(4):  # critical options, extensions, reserved, key of the authority
        fields.get_string()
    return Message(fields.get_string()).get_text()
