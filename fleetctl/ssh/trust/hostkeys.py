"""Is this the server we mean to talk to? The verdict on a host key, and writing new ones down.

Stricter than OpenSSH in one point: a host known by keys of other types only is *changed*, not new.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from fleetctl.errors import (
    HostCertificateRefused,
    HostKeyChanged,
    HostKeyRevoked,
    HostKeyUnknown,
    UntrustedError,
)
from fleetctl.model import Hop, HostKeyPolicy
from fleetctl.ssh.trust.host_certificates import KINDS, HostCertificate
from fleetctl.ssh.trust.known_hosts import Entry, Known, KnownHostsFile, ServerKey, lookup_name, rewrite, writable

_TURN_SECONDS = 30.0


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
        self._files: dict[str, KnownHostsFile] = {}
        self._writing_lock = threading.Lock()

    def kinds(self, host: Hop) -> list[str]:
        """The key types held for a host: what to ask the server for first, so as not to find it changed."""
        known = self._known(host)
        certified = KINDS if known.authorities else ()
        return list(dict.fromkeys([*certified, *(e.key.kind for e in known.own or known.bare if not e.revoked)]))

    def check(self, host: Hop, key: ServerKey) -> None:
        """Pass when the host's policy accepts the key; under accept-new an unknown key is written down.

        Raises:
            HostKeyRevoked, HostKeyChanged, HostCertificateRefused: under every policy but OFF.
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

    def judge(self, host: Hop, key: ServerKey) -> Entry:
        """The entry that vouches for the key, whatever the host's policy: its own, or that of who certified it.


        Raises: HostKeyRevoked, HostKeyChanged, HostKeyUnknown, HostCertificateRefused.
        """
        known = self._known(host)
        flaw = ""
        if key.certificate:
            authority, flaw = self._certified(host, key, known)
            if authority is not None and not flaw:
                return authority
        try:
            return self._compare(host, key.bare, known)
        except HostKeyUnknown as error:
            if not flaw:
                raise
            raise HostCertificateRefused(
                f"the host certificate of {_name(host)} {flaw}",
                hint="ask whoever runs this host, or its CA",
                address=_name(host),
                offered=f"{key.kind} {key.fingerprint}",
            ) from error

    def _certified(self, host: Hop, key: ServerKey, known: Known) -> tuple[Entry | None, str]:
        """Who certified a key, if we know it, and why that counts for nothing, if it does. Raises: HostKeyRevoked."""
        try:
            certificate = HostCertificate(key)
        except ValueError as error:
            return None, f"cannot be read: {error}"
        for shown, what in ((key.bare, "host key"), (certificate.authority, "CA of the host key")):
            self._refuse_revoked(host, shown, what, known.revoked)
        flaw = certificate.flaw(_bare_name(host), {entry.key.blob for entry in known.authorities})
        same = (entry for entry in known.authorities if entry.key.blob == certificate.authority.blob)
        return next(same, None), flaw

    def _refuse_revoked(self, host: Hop, key: ServerKey, what: str, revoked: list[Entry]) -> None:
        if any(entry.key.blob == key.blob for entry in revoked):
            raise HostKeyRevoked(
                f"the {what} of {_name(host)} is revoked: {f'{key.kind} {key.fingerprint}'.strip()}",
                hint="do not connect; ask whoever runs this host",
                address=_name(host),
                offered=f"{key.kind} {key.fingerprint}".strip(),
            )

    def add(self, host: Hop, key: ServerKey) -> None:
        """Append the key to the host's first known_hosts file, unless it is there already.

        Safe with other threads and processes: the file is locked and, if it grew, judged again first.
        Raises: as `check`; UntrustedError when the file cannot be written.
        """
        if not host.known_hosts:
            raise UntrustedError("no known_hosts file is configured to write the new key to")
        path = Path(host.known_hosts[0])
        with self._writing(path) as stream, self._files_lock:
            file = self._current(path)
            try:
                self._compare(host, key.bare, file.known(_name(host), _bare_name(host)))
            except HostKeyUnknown:
                file.append(stream, _name(host), key)

    def replace(self, host: Hop, key: ServerKey) -> None:
        """Take the host's name off every other key in all its files, and add this one to the first.

        The first file is rewritten once, with the new key in it: at no moment is the host unknown.
        Raises: UntrustedError when a file cannot be written, or a pattern in it names the host.
        """
        if not host.known_hosts:
            raise UntrustedError("no known_hosts file is configured to write the new key to")
        name = _name(host)
        first, *others = map(Path, host.known_hosts)
        patterns = [
            e for path in (first, *others) for e in self._held(path, host) if e.is_pattern and e.key != key.bare
        ]
        if patterns:
            raise UntrustedError(
                f"{patterns[0].place} gives {name} another key by a pattern, which other hosts may need",
                hint="change that line by hand",
            )
        self._rewrite(first, name, f"{name} {key.line}\n")
        for path in others:
            if self._held(path, host):
                self._rewrite(path, name, "")

    def _compare(self, host: Hop, key: ServerKey, known: Known) -> Entry:
        place = _name(host)
        facts = {"address": place, "offered": f"{key.kind} {key.fingerprint}"}
        self._refuse_revoked(host, key, "host key", [entry for entry in known.own + known.bare if entry.revoked])
        held = [entry for entry in known.own if not entry.revoked]
        vouching = next((entry for entry in held or known.bare if entry.key == key), None)
        if vouching is not None:
            return vouching
        if not held:
            raise HostKeyUnknown(
                f"the host key of {place} is not known: {key.kind} {key.fingerprint}",
                hint=f"compare the fingerprint with the host's own, then: {self._trust_command} {host.name}",
                **facts,
            )
        first = held[0]
        raise HostKeyChanged(
            f"THE HOST KEY OF {place} HAS CHANGED: known {first.key.kind} {first.key.fingerprint} "
            f"({first.place}), offered {key.kind} {key.fingerprint}",
            hint="someone may be listening in. "
            f"If the host was really rebuilt: {self._trust_command} --replace {host.name}",
            known=[f"{entry.key.kind} {entry.key.fingerprint} {entry.place}" for entry in held],
            **facts,
        )

    def _known(self, host: Hop) -> Known:
        with self._files_lock:
            files = [self._files.get(path) or self._read(Path(path)) for path in host.known_hosts]
            parts = [file.known(_name(host), _bare_name(host)) for file in files]
        return Known(
            [entry for part in parts for entry in part.own],
            [entry for part in parts for entry in part.bare],
            [entry for part in parts for entry in part.authorities],
            [entry for part in parts for entry in part.revoked],
        )

    def _held(self, path: Path, host: Hop) -> list[Entry]:
        """The keys that a file, as it is now, has for the host under its own name and port."""
        with self._files_lock:
            known = self._current(path).known(_name(host), _bare_name(host))
        return [entry for entry in known.own if not entry.revoked]

    def _rewrite(self, path: Path, name: str, line: str) -> None:
        with self._writing(path):
            rewrite(path, name, line)
        with self._files_lock:
            self._files.pop(str(path), None)

    @contextmanager
    def _writing(self, path: Path) -> Iterator[BinaryIO]:
        """The file opened and locked. Only those who write wait for it, and not without end."""
        if not self._writing_lock.acquire(timeout=_TURN_SECONDS):
            raise UntrustedError(f"cannot write {path}: its lock is held for too long", hint=f"see who: fuser {path}")
        try:
            with writable(path) as stream:
                yield stream
        finally:
            self._writing_lock.release()

    def _current(self, path: Path) -> KnownHostsFile:
        file = self._files.get(str(path))
        return file if file is not None and file.is_current else self._read(path)

    def _read(self, path: Path) -> KnownHostsFile:
        file = self._files[str(path)] = KnownHostsFile(path)
        return file


def _name(host: Hop) -> str:
    """What it is called in known_hosts; an alias stands for its port, too (ssh_config(5), HostKeyAlias)."""
    return host.host_key_alias.lower() or lookup_name(host.address, host.port)


def _bare_name(host: Hop) -> str:
    return (host.host_key_alias or host.address).lower()
