"""One command for two hosts at once, a sound one and a bad one: whatever the bad one does, the sound one is done.

Both see the same relative paths: the sound one, a real sshd, below the home of its user, the bad one below a root.
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
        return self.directory / "root"

    @property
    def there(self) -> Path:
        """What the bad host has at `where`."""
        return self.root / self.where

    def plant(self, files: Mapping[str, str | bytes]) -> None:
        """The same files on both hosts."""
        plant(self.far, files)
        plant(self.there, files)

    def inventory(self, server: SftpServer) -> Path:
        self.sshd.inventory(self.directory, 1)
        return server.inventory(self.directory, BAD)

    def __call__(self, server: SftpServer, *words: str | Path, bad: str = BAD, changes: Sequence[Path] = ()) -> Fate:
        """Run a command on both, and judge the sound one. Returns: what became of the bad one.

        Args:
            bad: which of the two that is.
            changes: what the test itself changes meanwhile.
        """
        inventory = self.inventory(server)
        before = self.look()
        ran = self.fleetctl(words[0], "-o", "json", "-i", inventory, *words[1:])
        self.judge(before, put=words[0] == "put", changes=changes)
        hosts = {host["host"]: host for host in ran.json["hosts"]}
        assert sorted(hosts) == [SOUND, BAD]
        assert len(ran.json["hosts"]) == 2
        (other,) = hosts.keys() - {bad}
        assert hosts[other]["status"] == "ok", hosts[other]
        fate = Fate(ran, hosts[bad])
        _check_words(fate)
        return fate

    def look(self) -> dict[str, bytes]:
        """All files there are, with their content, and what else there is."""
        tops = (self.directory, self.far)
        return {str(top / name): _content(top / name) for top in tops for name in names(top)}

    def judge(self, before: Mapping[str, bytes], *, put: bool, changes: Sequence[Path] = ()) -> None:
        """No half file has a final name, and nothing is written where nothing belongs."""
        whole = set(before.values())
        places = (str(self.far), str(self.there)) if put else (str(self.here),)
        for path, content in self.look().items():
            if before.get(path) == content or ".part" in path or Path(path) in changes:
                continue
            assert path.startswith(places), f"{path} is written"
            assert content in whole, f"{path} has {len(content)} bytes that are no whole file"


def _content(path: Path) -> bytes:
    if path.is_symlink():
        return b"-> " + bytes(path.readlink())
    return path.read_bytes() if path.is_file() else b"-"


def _check_words(fate: Fate) -> None:
    """The error is one that a person understands, and the exit code goes with it."""
    if fate.status in {"ok", "skipped"}:
        assert fate.ran.exit_code == 0
        return
    assert fate.code
    assert fate.code != "internal"
    assert " " in fate.message
    assert fate.message in fate.ran.stderr or not fate.message.isprintable()
    assert fate.ran.exit_code == (3 if fate.status in {"unreachable", "timeout"} else 1)
