"""An authority that certifies keys of users and of hosts, by the real ssh-keygen."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_SECONDS = 20.0
EXPIRED = "20010101:20020101"
ALWAYS = "always:forever"


@dataclass(frozen=True)
class Authority:
    """Its key pair is `path` and `path`.pub."""

    path: Path

    @property
    def public_file(self) -> Path:
        return self.path.with_name(f"{self.path.name}.pub")

    @property
    def public(self) -> str:
        """Type and base64."""
        return " ".join(self.public_file.read_text().split()[:2])

    def certify(
        self,
        key: Path,
        principals: Sequence[str],
        *,
        validity: str = ALWAYS,
        host: bool = False,
        options: Sequence[str] = (),
        into: Path | None = None,
        algorithm: str = "",
    ) -> Path:
        """Certify a key pair `key`, `key`.pub. Returns: the certificate, which stands beside it or is moved `into`."""
        signing = ["-t", algorithm] if algorithm else []
        kind = ["-h"] if host else []
        names = ["-n", ",".join(principals)] if principals else []
        more = [word for option in options for word in ("-O", option)]
        command = [
            "ssh-keygen",
            "-q",
            "-s",
            str(self.path),
            "-I",
            "test",
            *signing,
            *kind,
            *names,
            "-V",
            validity,
            *more,
        ]
        subprocess.run([*command, f"{key}.pub"], check=True, timeout=_SECONDS, capture_output=True)
        made = key.with_name(f"{key.name}-cert.pub")
        return made if into is None else Path(shutil.move(made, into))


def authority(directory: Path, name: str = "ca", kind: str = "ed25519") -> Authority:
    path = directory / name
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", path], check=True, timeout=_SECONDS)
    return Authority(path)


def copied(key: Path, directory: Path) -> Path:
    """A key pair in a directory of its own, so that a certificate beside it is nobody else's."""
    directory.mkdir(exist_ok=True)
    for name in (key.name, f"{key.name}.pub"):
        shutil.copy(key.with_name(name), directory / name)
    return directory / key.name
