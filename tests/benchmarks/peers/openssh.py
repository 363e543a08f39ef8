"""How files are moved without fleetctl: OpenSSH's own programs, rsync and tar, each as its manual shows it.

All of them log in alike: one RSA key, a strict known_hosts, AES-GCM and curve25519 as fleetctl has them.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

Words = tuple[str | Path, ...]


@dataclass(frozen=True)
class OpenSsh:
    """One account on one server. `host` may be "{}", for xargs to fill in."""

    host: str
    port: int
    user: str
    key: Path
    known_hosts: Path

    @property
    def options(self) -> Words:
        """What ssh, scp and sftp all understand."""
        return ("-F", "none", "-i", self.key, "-o", f"Port={self.port}", "-o", f"User={self.user}",
                "-o", "Ciphers=aes128-gcm@openssh.com", "-o", "KexAlgorithms=curve25519-sha256",
                "-o", f"UserKnownHostsFile={self.known_hosts}", "-o", "StrictHostKeyChecking=yes",
                "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes")  # fmt: skip

    def at(self, path: Path) -> str:
        """A path on the server, as scp and rsync write it."""
        return f"{self.host}:{path}"

    def scp(self, *words: str | Path) -> Words:
        return ("scp", "-q", *self.options, *words)

    def sftp(self, batch: Path, text: str) -> Words:
        """Runs the lines `text`, which are written to the file `batch`."""
        batch.write_text(text)
        return ("sftp", "-q", "-b", batch, *self.options, self.host)

    def rsync(self, *words: str | Path) -> Words:
        return ("rsync", "-e", _line(("ssh", *self.options)), *words)

    def tar_there(self, source: Path, into: Path) -> Words:
        """A local directory goes into a directory of the server."""
        pack = ("tar", "-C", source.parent, "-cf", "-", source.name)
        return _pipe(pack, self._ssh(("tar", "-C", into, "-xf", "-")))

    def tar_here(self, source: Path, into: Path) -> Words:
        """A directory of the server goes into a local one."""
        pack = self._ssh(("tar", "-C", source.parent, "-cf", "-", source.name))
        return _pipe(pack, ("tar", "-C", into, "-xf", "-"))

    def _ssh(self, command: Words) -> Words:
        return ("ssh", *self.options, self.host, _line(command))


def _pipe(first: Words, second: Words) -> Words:
    return ("sh", "-c", f"{_line(first)} | {_line(second)}")


def _line(words: Words) -> str:
    return shlex.join(map(str, words))
