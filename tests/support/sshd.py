"""A real OpenSSH server on loopback that plays as many hosts as 127.0.0.0/8 has addresses.

It serves one user, keeps its keys and log in a directory of its own, and takes its sessions along
when it stops. sshd binds at most 16 addresses, so it listens on all of them and admits only loopback.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.support import processes
from tests.support.account import Account
from tests.support.keys import TYPES, KeySet

_SEARCH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin"
_PORT_TRIES = 10
_START_SECONDS = 20.0
_STOP_SECONDS = 10.0
_ROUNDS = 20
_ADDRESSES_PER_BLOCK = 250


@dataclass(frozen=True)
class Sshd:
    """A running server: how to reach it, who may log in, and what it has to tell."""

    account: Account
    port: int
    keys: KeySet
    host_keys: KeySet
    directory: Path
    marker: str

    @property
    def user(self) -> str:
        return self.account.user

    @property
    def password(self) -> str:
        return self.account.password

    @property
    def log(self) -> str:
        return (self.directory / "log").read_text(errors="replace")

    def key(self, name: str = "rsa") -> Path:
        """A private key file; for the names see KeySet."""
        return self.keys.path(name)

    def addresses(self, count: int) -> list[str]:
        """127.0.1.1 … 127.0.1.250, 127.0.2.1 …: every one of them is this server."""
        blocks = (divmod(number, _ADDRESSES_PER_BLOCK) for number in range(count))
        return [f"127.0.{block + 1}.{place + 1}" for block, place in blocks]

    def known_hosts(self, path: Path, addresses: Iterable[str], types: Sequence[str] = TYPES) -> Path:
        """Write the host keys of `types` for each address to `path`, and return it."""
        lines = (f"[{address}]:{self.port} {self.host_keys.public(kind)}\n" for address in addresses for kind in types)
        path.write_text("".join(lines))
        return path

    def inventory(self, directory: Path, count: int = 50, **settings: Any) -> Path:
        """Write inventory.yaml with hosts h001, h002 … and a strict known_hosts next to it.

        Args:
            count: number of hosts.
            settings: go into `defaults` and win over what stands there (user, port, keys, known_hosts);
                None leaves a setting out.

        Returns: the inventory's path; only its owner can read it.
        """
        addresses = self.addresses(count)
        known = self.known_hosts(directory / "known_hosts", addresses, ("ed25519",))
        login = {"user": self.user, "port": self.port, "keys": [str(self.key())]}
        defaults = login | {"known_hosts": str(known)} | settings
        kept = {name: value for name, value in defaults.items() if value is not None}
        hosts = {f"h{number:03}": {"address": address} for number, address in enumerate(addresses, 1)}
        path = directory / "inventory.yaml"
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump({"defaults": kept, "hosts": hosts}, sort_keys=False))
        return path

    def running(self) -> list[str]:
        """Command lines of what still runs in any session of this server, sessions themselves aside."""
        return [line for pid in processes.with_variable(self.marker) if (line := processes.command_line(pid))]

    def wait_for_sessions(self) -> None:
        """Until what ran in them has ended by itself."""
        processes.wait_for(processes.with_variable(self.marker))


@dataclass
class SshdStarter:
    """Starts servers until it is closed by the fixture that made it; remembers them for their logs."""

    account: Account
    keys: KeySet
    host_keys: KeySet
    stack: ExitStack
    started: list[Sshd] = field(default_factory=list)

    def __call__(self, *config: str) -> Sshd:
        """Start a server whose sshd_config begins with the lines `config`: a setting's first value wins."""
        server = self.stack.enter_context(serve(self.account, self.keys, self.host_keys, config))
        self.started.append(server)
        return server


def find_sshd() -> str | None:
    """The path of the sshd of this machine; sshd insists on being started by its full path."""
    return shutil.which("sshd", path=_SEARCH)


def why_no_sshd() -> str:
    """Why a test server cannot run here, or "" when it can."""
    if find_sshd() is None:
        return "OpenSSH's sshd is not installed: `sh .ci/need sshd` installs it or says how"
    try:
        socket.create_server(("127.0.1.1", 0)).close()
    except OSError:
        return "this system answers on 127.0.0.1 only, and the test hosts are 127.0.1.1 and up"
    return ""


@contextmanager
def serve(account: Account, keys: KeySet, host_keys: KeySet, config: Sequence[str] = ()) -> Iterator[Sshd]:
    """Run an sshd until the block ends; its sessions and what runs in them end with it.

    Args:
        config: lines that stand first in sshd_config, where the first value of a setting wins.

    Raises: RuntimeError with sshd's own words when it does not start.
    """
    directory = Path(tempfile.mkdtemp(prefix="fleettest-sshd-"))
    # the test user reads authorized_keys as itself
    directory.chmod(0o755)
    (directory / "authorized_keys").write_text(keys.authorized())
    _make_privilege_separation_directory()
    marker = f"FLEETTEST_SSHD={secrets.token_hex(8)}"
    try:
        process, port = _start(directory, (*config, *_settings(account, host_keys, directory, marker)))
        try:
            yield Sshd(account, port, keys, host_keys, directory, marker)
        finally:
            _stop(process, marker)
    finally:
        shutil.rmtree(directory)


def _settings(account: Account, host_keys: KeySet, directory: Path, marker: str) -> list[str]:
    return [
        *(f"HostKey {host_keys.path(kind)}" for kind in TYPES),
        f"AllowUsers {account.user}@127.0.0.0/8",
        f"AuthorizedKeysFile {directory}/authorized_keys",
        f"SetEnv {marker}",
        "AddressFamily inet",
        "KbdInteractiveAuthentication no",
        "MaxStartups 1000:30:2000",
        "PasswordAuthentication yes",
        "PidFile none",
        "PrintMotd no",
        "StrictModes no",
        "Subsystem sftp internal-sftp",
        "UseDNS no",
        "UsePAM no",
    ]


def _start(directory: Path, settings: Iterable[str]) -> tuple[subprocess.Popen[bytes], int]:
    """Start sshd on a port that was free a moment ago; on another one when it no longer is."""
    for _ in range(_PORT_TRIES):
        port = _free_port()
        process = _spawn(directory, [f"Port {port}", *settings])
        if _listens(process, directory / "log"):
            return process, port
        words = (directory / "log").read_text(errors="replace")
        if "Address already in use" not in words:
            break
    raise RuntimeError(f"sshd did not start:\n{words}")


def _spawn(directory: Path, settings: Iterable[str]) -> subprocess.Popen[bytes]:
    config = directory / "sshd_config"
    config.write_text("".join(f"{line}\n" for line in settings))
    with (directory / "log").open("wb") as log:
        return subprocess.Popen(
            [find_sshd() or "sshd", "-D", "-e", "-f", str(config)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip


def _listens(process: subprocess.Popen[bytes], log: Path) -> bool:
    """Wait until sshd says that it listens; False when it ended instead."""
    waited = 0.0
    while waited < _START_SECONDS:
        if "Server listening on" in log.read_text(errors="replace"):
            return True
        try:
            process.wait(0.02)
        except subprocess.TimeoutExpired:
            waited += 0.02
        else:
            return False
    process.kill()
    process.wait(_STOP_SECONDS)
    return False


def _stop(process: subprocess.Popen[bytes], marker: str) -> None:
    """Stop the listener; each session is a process group of its own and must be ended by itself."""
    sessions = processes.descendants(process.pid)
    process.terminate()
    process.wait(_STOP_SECONDS)
    processes.end(sessions)
    for _ in range(_ROUNDS):  # who was just beginning another when they were looked for has left it behind
        if not (left := processes.with_variable(marker)):
            return
        processes.end(left)
    raise RuntimeError(f"what runs in sessions of the test server does not end: {processes.command_line(left[0])}")


def _free_port() -> int:
    with socket.create_server(("0.0.0.0", 0)) as listener:
        return int(listener.getsockname()[1])


def _make_privilege_separation_directory() -> None:
    """Debian's sshd refuses to start as root without it; its init script makes it at boot."""
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
