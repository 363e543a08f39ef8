"""Which keys a login offers, in what order: those that are named, with their certificates first, then the agent's.

A key that is named and cannot be read without a passphrase is taken from the agent, when that holds it. Every key is
tried with a signature, because paramiko asks no "would you take this key?" first, and a server counts each against
MaxAuthTries (6 in sshd): hence the bound.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack
from typing import cast

from paramiko import PKey
from paramiko.pkey import PublicBlob

from fleetctl.errors import KeyUnusable
from fleetctl.model import Login
from fleetctl.ssh.login.agent import HeldKey, agent_keys, agent_socket
from fleetctl.ssh.login.certificates import HELD, Certificate, PublicHalves, parse
from fleetctl.ssh.login.keys import KeyRing
from fleetctl.ssh.trust.known_hosts import fingerprint

_MOST = 5
_MOST_BEFORE_PASSWORD = 4
"""A password may be tried twice, as itself and in a dialogue."""


class Identity:
    """A key to log in with, as paramiko/auth_handler.py needs one: bare, or under a certificate.

    Args:
        where: its path, or HELD.
    """

    def __init__(self, key: PKey | HeldKey, where: str, certificate: Certificate | None = None) -> None:
        self._key = key
        self._where = where
        self.certificate = certificate
        self.public_blob = PublicBlob(certificate.kind, certificate.blob) if certificate else None
        self.blob = certificate.blob if certificate else key.asbytes()

    @property
    def name(self) -> str:
        if self.certificate is None:
            return f"key {self._where} ({self._key.get_name()} {fingerprint(self.blob)})"
        certificate = self.certificate
        return f"certificate {certificate.where} ({certificate.kind} of CA {certificate.authority})"

    def as_key(self) -> PKey:
        return cast("PKey", self)

    def get_name(self) -> str:
        return self._key.get_name()

    def asbytes(self) -> bytes:
        return self._key.asbytes()

    def sign_ssh_data(self, data: bytes, algorithm: str) -> object:
        return self._key.sign_ssh_data(data, algorithm)


class Identities:
    """What one login has to offer. Read `problems` and `untried` when it is over.

    Args:
        patience: seconds for each answer of the agent.
    """

    def __init__(self, login: Login, ring: KeyRing, halves: PublicHalves, patience: float) -> None:
        self._login = login
        self._ring = ring
        self._halves = halves
        self._patience = patience
        self._most = _MOST if login.password is None else _MOST_BEFORE_PASSWORD
        self._seen: set[bytes] = set()
        self._held: tuple[HeldKey, ...] | None = None
        self.problems: dict[str, KeyUnusable] = {}
        self.untried = 0

    def offered(self) -> Generator[Identity, None, None]:
        """At most five, each once, those of the agent usable until the next is asked for."""
        self._seen, self._held, self.untried = set(), None, 0
        with ExitStack() as stack:
            for identity in self._all(stack):
                if identity.blob in self._seen:
                    continue
                if self._full:
                    self.untried += 1
                    continue
                self._seen.add(identity.blob)
                yield identity

    @property
    def _full(self) -> bool:
        return len(self._seen) >= self._most

    def _agent(self, stack: ExitStack) -> tuple[HeldKey, ...]:
        """Asked when it is needed: a stuck one must not keep a key file from its turn."""
        if self._held is None:
            self._held = ()
            try:
                if self._login.agent:
                    self._held = stack.enter_context(agent_keys(agent_socket(self._login), self._patience))
            except KeyUnusable as error:
                self.problems["agent"] = error
        return self._held

    def _all(self, stack: ExitStack) -> Iterator[Identity]:
        named = list(self._certificates())
        for path in self._login.keys:
            if self._full:
                self.untried += 1  # and not read: its passphrase might be asked for
            else:
                yield from self._of_path(path, named, stack)
        held = self._agent(stack)
        for certificate in named:
            key = next((key for key in held if key.asbytes() == certificate.certified), None)
            if key is not None:
                yield Identity(key, HELD, certificate)
        yield from self._of_agent(held, named)

    def _of_path(self, path: str, named: Iterable[Certificate], stack: ExitStack) -> Iterator[Identity]:
        key, where = self._key(path, stack)
        if key is None:
            return
        for certificate in (*named, *self._beside(path)):
            if certificate.certified == key.asbytes():
                yield Identity(key, where, certificate)
        yield Identity(key, where)

    def _key(self, path: str, stack: ExitStack) -> tuple[PKey | HeldKey | None, str]:
        file = self._halves.key(path)
        if file.public and not file.usable:
            for held in self._agent(stack):
                if held.asbytes() == file.public:
                    return held, f"{path} {HELD}"
        try:
            return self._ring.key(path, self._login.key_passphrase), path
        except KeyUnusable as error:
            self.problems[path] = error
            return None, path

    def _of_agent(self, held: Iterable[HeldKey], named: Iterable[Certificate]) -> Iterator[Identity]:
        wanted = {self._halves.key(path).public for path in self._login.keys}
        wanted |= {blob for one in named for blob in (one.blob, one.certified)}
        wanted.discard(b"")
        for key in sorted(held, key=lambda key: not key.is_certificate):
            certificate = _parsed(key) if key.is_certificate else None
            about = {key.asbytes(), certificate.certified if certificate else b""}
            if not self._login.identities_only or about & wanted:
                yield Identity(key, HELD, certificate)

    def _beside(self, path: str) -> list[Certificate]:
        try:
            found = self._halves.beside(path)
        except KeyUnusable as error:
            self.problems[f"certificate of {path}"] = error
            return []
        return [found] if found else []

    def _certificates(self) -> Iterator[Certificate]:
        for path in self._login.certificates:
            try:
                yield self._halves.certificate(path)
            except KeyUnusable as error:
                self.problems[path] = error


def _parsed(key: HeldKey) -> Certificate | None:
    try:
        return parse(key.get_name(), key.asbytes(), HELD)
    except ValueError:
        return None
