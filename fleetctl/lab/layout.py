"""What a lab is on disk: keys, inventory, known_hosts, and a home and a few programs of its own for each host."""

from __future__ import annotations

import getpass
import os
import secrets
import shutil
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from fleetctl.errors import UsageError
from fleetctl.lab import props
from fleetctl.model import Secret

ADDRESS = "127.0.0.1"

_HOSTS = "hosts"
_WEB_SHARE = 0.6
_FILES = ("client_key", "password", "known_hosts", "inventory.yaml", "state.json", "log", "lock")


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths of a lab below its directory."""

    directory: Path

    @property
    def client_key(self) -> Path:
        return self.directory / "client_key"

    @property
    def password(self) -> Path:
        return self.directory / "password"

    @property
    def known_hosts(self) -> Path:
        return self.directory / "known_hosts"

    @property
    def inventory(self) -> Path:
        return self.directory / "inventory.yaml"

    @property
    def state(self) -> Path:
        return self.directory / "state.json"

    @property
    def log(self) -> Path:
        return self.directory / "log"

    @property
    def lock(self) -> Path:
        """Also what tells a lab's directory from any other."""
        return self.directory / "lock"

    def home(self, name: str) -> Path:
        """Where a host's commands start, and the root of its SFTP."""
        return self._host(name) / "home"

    def programs(self, name: str) -> Path:
        """What comes first in PATH on that host."""
        return self._host(name) / "bin"

    def _host(self, name: str) -> Path:
        return self.directory / _HOSTS / quote(name, safe="@")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a host listens, and the public half of its host key as OpenSSH writes it."""

    name: str
    port: int
    host_key: str


def host_names(count: int) -> tuple[str, ...]:
    """lab01 … labNN, all of the same width."""
    width = max(2, len(str(count)))
    return tuple(f"lab{number:0{width}}" for number in range(1, count + 1))


def role_of(place: int, count: int) -> str:
    """The group of the host at `place`, from 0: the first 60 % are web, the rest db."""
    return "web" if place < max(1, round(count * _WEB_SHARE)) else "db"


def claim(directory: Path) -> Layout:
    """Make the directory, or take over what a lab left there, open to its owner only.

    Raises: UsageError when something else is at that place.
    """
    layout = Layout(directory)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.stat()
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise UsageError(f"{directory} is open to other users", hint=f"chmod 700 {directory}, or choose another place")
    if any(directory.iterdir()) and not layout.lock.exists():
        raise UsageError(f"{directory} is in use for something else", hint="choose an empty directory, or a new one")
    layout.lock.touch(mode=0o600)
    return layout


def clear(layout: Layout, keep: Sequence[Path] = ()) -> tuple[Path, ...]:
    """Remove what a lab wrote, and the directory with it, unless something else is there, too.

    The lock stays beside that: it tells the next lab that the place is its own.

    Returns: what else is there, whose name no lab uses.
    """
    hosts = layout.directory / _HOSTS
    if not layout.directory.exists():
        return ()
    if hosts.exists():
        shutil.rmtree(hosts)
    written = [layout.directory / name for name in _FILES]
    for path in written:
        if path not in (*keep, layout.lock):
            path.unlink(missing_ok=True)
    left = tuple(sorted(path for path in layout.directory.iterdir() if path not in written))
    if not left and not keep:
        layout.lock.unlink(missing_ok=True)
        layout.directory.rmdir()
    return left


def write_private(path: Path, content: bytes) -> None:
    """Write a new file that only its owner can read, from its first byte on."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)


def furnish(layout: Layout, names: Sequence[str]) -> None:
    """Give each host its home, with a few files in it, and its programs."""
    for place, name in enumerate(names):
        role = role_of(place, len(names))
        for path, text in props.files(name, role).items():
            _put(layout.home(name) / path, text, 0o600)
        last = place == len(names) - 1
        for program, text in props.programs(name, role, nearly_full=last).items():
            _put(layout.programs(name) / program, text, 0o700)


def write_password(layout: Layout) -> Secret:
    """Make up the lab's password and keep it in a file of its own."""
    password = secrets.token_urlsafe(12)
    write_private(layout.password, f"{password}\n".encode())
    return Secret(password)


def write_inventory(layout: Layout, addresses: Sequence[Address], *, password: bool) -> None:
    """Write known_hosts, and the inventory that refers to it."""
    import yaml

    lines = (f"[{ADDRESS}]:{one.port} {one.host_key}\n" for one in addresses)
    write_private(layout.known_hosts, "".join(lines).encode())
    login: dict[str, object] = {"user": getpass.getuser(), "keys": [str(layout.client_key)]}
    if password:
        login["password"] = {"file": str(layout.password)}
    defaults = {**login, "known_hosts": str(layout.known_hosts), "host_key_policy": "strict"}
    text = yaml.safe_dump({"defaults": defaults, "groups": _groups(addresses)}, sort_keys=False)
    write_private(layout.inventory, f"# The hosts of a lab: gone with `fleetctl lab down`.\n{text}".encode())


def _groups(addresses: Sequence[Address]) -> dict[str, object]:
    members: dict[str, dict[str, object]] = {}
    for place, one in enumerate(addresses):
        settings: dict[str, object] = {"address": ADDRESS, "port": one.port}
        if place == 0:
            settings["tags"] = ["canary"]
        members.setdefault(role_of(place, len(addresses)), {})[one.name] = settings
    return {role: {"vars": {"role": role}, "hosts": hosts} for role, hosts in members.items()}


def _put(path: Path, text: str, mode: int) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
