"""One command for a sound host and bad ones at once: whatever the bad ones do, the sound one is done.

All see the same relative paths: the sound one, a real sshd, below the home of its user, the others below a root each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.fleetctl import Fleetctl, Ran
from tests.support.sftp_servers import SftpServer
from tests.support.sshd import Sshd
from tests.support.trees import names, plant

SOUND = "h001"
BAD = "liar"


@dataclass(frozen=True)
class Fate:
    """What became of a host."""

    ran: Ran
    host: Mapping[str, Any]

    @property
    def status(self) -> str:
        return str(self.host["status"])

    @property
    def code(self) -> str:
        return str((self.host.get("error") or {}).get("code", ""))

    @property
    def message(self) -> str:
        return str((self.host.get("error") or {}).get("message", ""))

    @property
    def hint(self) -> str:
        return str((self.host.get("error") or {}).get("hint", ""))

    @property
    def actions(self) -> dict[str, str]:
        """What was done to each file, by the last part of its path."""
        return {each["path"].rpartition("/")[2]: each["action"] for each in self.host.get("transfers", ())}


@dataclass(frozen=True)
class Beside:
    """Runs `put` or `get` and judges what has to be so, whatever happens: see `judge`.

    Args:
        directory: everything of the test is in there but `far`.
        here: the local side.
        far: what the sound host has at `where`.
    """

    fleetctl: Fleetctl
    sshd: Sshd
    directory: Path
    here: Path
    far: Path

    @property
    def where(self) -> str:
        """The path that both hosts have for their files."""
        return self.far.name

    @property
    def root(self) -> Path:
        return self.root_of(BAD)

    @property
    def there(self) -> Path:
        """What the bad host has at `where`."""
        return self.root / self.where

    def root_of(self, host: str) -> Path:
        """The root of a bad host; there may be several."""
        return self.directory / "roots" / host

    def plant(self, files: Mapping[str, str | bytes], *hosts: str) -> None:
        """The same files on the sound host and on the bad ones."""
        plant(self.far, files)
        for host in hosts or (BAD,):
            plant(self.root_of(host) / self.where, files)

    def inventory(self, servers: Mapping[str, SftpServer]) -> Path:
        path = self.sshd.inventory(self.directory, 1)
        for host, server in servers.items():
            server.inventory(self.directory, host)
        return path

    def __call__(self, server: SftpServer, *words: str | Path, bad: str = BAD, changes: Sequence[Path] = ()) -> Fate:
        """Run a command on both, and judge the sound one. Returns: what became of the bad one.

        Args:
            bad: which of the two that is.
            changes: what the test itself changes meanwhile.
        """
        return self.all({BAD: server}, *words, bad=[bad], changes=changes)[bad]

    def all(
        self,
        servers: Mapping[str, SftpServer],
        *words: str | Path,
        bad: Sequence[str] = (),
        changes: Sequence[Path] = (),
    ) -> dict[str, Fate]:
        """The same with several bad ones at once."""
        inventory = self.inventory(servers)
        before = self.look()
        ran = self.fleetctl(words[0], "-o", "json", "-i", inventory, *words[1:])
        self.judge(before, put=words[0] == "put", changes=changes)
        fates = {host["host"]: Fate(ran, host) for host in ran.json["hosts"]}
        assert len(ran.json["hosts"]) == len(fates)
        assert sorted(fates) == sorted([SOUND, *servers])
        for host in fates.keys() - (bad or servers.keys()):
            assert fates[host].status == "ok", fates[host].host
        _check_words(ran, list(fates.values()))
        return fates

    def look(self) -> dict[str, bytes]:
        """All files there are, with their content, and what else there is; but for what is kept of runs."""
        tops = (self.directory, self.far)
        paths = (top / name for top in tops for name in names(top))
        return {str(path): _content(path) for path in paths if not path.is_relative_to(self.fleetctl.home / ".local")}

    def judge(self, before: Mapping[str, bytes], *, put: bool, changes: Sequence[Path] = ()) -> None:
        """No half file has a final name, and nothing is written where nothing belongs."""
        whole = set(before.values())
        places = (str(self.far), str(self.directory / "roots")) if put else (str(self.here),)
        for path, content in self.look().items():
            if before.get(path) == content or ".part" in path or Path(path) in changes:
                continue
            assert path.startswith(places), f"{path} is written"
            assert content in whole, f"{path} has {len(content)} bytes that are no whole file"


def _content(path: Path) -> bytes:
    if path.is_symlink():
        return b"-> " + bytes(path.readlink())
    return path.read_bytes() if path.is_file() else b"-"


def _check_words(ran: Ran, fates: Sequence[Fate]) -> None:
    """Errors are such that a person understands them, and the exit code goes with the worst."""
    bad = [fate for fate in fates if fate.status not in {"ok", "skipped"}]
    for fate in bad:
        assert fate.code not in {"", "internal"}
        assert " " in fate.message
        assert fate.message.isprintable()
    assert not bad or any(fate.message in ran.stderr for fate in bad)  # hosts that fail alike are told together
    codes = {"ok": 0, "skipped": 0, "unreachable": 3, "timeout": 3}
    assert ran.exit_code == max(codes.get(fate.status, 1) for fate in fates)
