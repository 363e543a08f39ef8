"""The jobs of docs/jobs do what they say: in a rehearsal, and on a real sshd with sudo.

What would change a machine is done by stand-ins; files, links, sudo, the page of health and TLS are real.
"""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import stand_ins, web
from tests.support.account import Account, local_account
from tests.support.documents import ROOT
from tests.support.fleetctl import Fleetctl
from tests.support.privileges import Sudoers
from tests.support.running import Ran
from tests.support.sshd import Sshd

EXAMPLES = sorted((ROOT / "docs/jobs").glob("*.yaml"))
NAMES = ("h001", "h002", "h003")
REHEARSED = """
groups:
  web: {hosts: "web[01-03]"}
"""


@dataclass(frozen=True)
class Site:
    """Three hosts of one sshd, each with a directory of its own, and a copy of the examples."""

    fleetctl: Fleetctl
    server: Sshd
    place: Path

    def host(self, name: str) -> Path:
        return self.place / "hosts" / name

    @property
    def jobs(self) -> Path:
        return self.place / "jobs"

    def settle(self, env: Mapping[str, str] | None = None, **variables: Any) -> None:
        """Write the inventory, with variables of the hosts. {host} is the host's directory then, {name} its name."""
        path = self.server.inventory(self.place, len(NAMES))
        content = yaml.safe_load(path.read_text())
        content["groups"] = {"web": {"hosts": content.pop("hosts")}}
        for name, settings in content["groups"]["web"]["hosts"].items():
            own = yaml.safe_load(
                yaml.safe_dump(variables).replace("{host}", str(self.host(name))).replace("{name}", name)
            )
            programs = f"{self.place / 'programs'}:{os.environ['PATH']}"
            ours = {"PATH": programs, "STAND_IN": str(self.host(name))}
            settings |= {"vars": own, "env": ours | dict(env or {})}
        path.write_text(yaml.safe_dump(content, sort_keys=False))

    def play(self, example: str, *words: str | Path) -> Ran:
        env = {"PATH": f"{self.place / 'programs'}:{os.environ['PATH']}", "STAND_IN": str(self.place)}
        job, inventory = self.jobs / example, self.place / "inventory.yaml"
        return self.fleetctl("job", "run", job, "-i", inventory, *words, env=env, cwd=self.place)


@pytest.fixture
def site(fleetctl: Fleetctl, deputy_sshd: Sshd, sudoers: Sudoers) -> Iterator[Site]:
    sudoers("{user} ALL=(ALL:ALL) NOPASSWD: ALL")
    with tempfile.TemporaryDirectory(prefix="fleettest-jobs-") as directory:
        place = Path(directory)
        place.chmod(0o755)  # the deputy looks into it
        shutil.copytree(ROOT / "docs/jobs", place / "jobs")
        stand_ins.install(place / "programs")
        for name in NAMES:
            (place / "hosts" / name).mkdir(parents=True)
            (place / "hosts" / name / "calls").touch()
            (place / "hosts" / name / "calls").chmod(0o666)
        yield Site(fleetctl, deputy_sshd, place)


@pytest.fixture
def two_users() -> Iterator[tuple[Account, Account]]:
    with local_account("alice") as alice, local_account("bob") as bob:
        yield alice, bob


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_it_is_checked_without_a_word_and_rehearsed_to_its_end(
    fleetctl: Fleetctl, tmp_path: Path, example: Path
) -> None:
    (tmp_path / "inventory.yaml").write_text(REHEARSED)
    shutil.copytree(example.parent, tmp_path / "jobs")
    _certificates(tmp_path / "jobs/certificates", ("web01", "web02", "web03"))
    checked = fleetctl("job", "check", f"jobs/{example.name}", cwd=tmp_path)
    assert (checked.exit_code, checked.stderr) == (0, ""), checked.stderr
    answers = ("fingerprint=0123", "a place for copies=/tmp/x")
    has = [answer for answer in answers if f"name: {answer.partition('=')[0]}\n" in example.read_text()]
    words = [word for answer in has for word in ("--answer", answer)]
    rehearsed = fleetctl("job", "rehearse", f"jobs/{example.name}", *words, cwd=tmp_path)
    assert rehearsed.exit_code == 0, rehearsed.stdout + rehearsed.stderr
    assert "3 ok" in rehearsed.stderr


def test_a_rolling_update_stops_at_the_host_that_does_not_come_back(site: Site) -> None:
    for name in NAMES:
        (site.host(name) / "installed").write_text("1.0\n")
        (site.host(name) / "running").write_text("1.0\n")
        (site.host(name) / "offered").write_text("broken\n" if name == "h002" else "2.0\n")

    def is_well(name: str) -> bool:
        return "broken" not in (site.host(name) / "running").read_text()

    _impatient(site.jobs / "rolling-update.yaml")
    with web.health(is_well) as address:
        site.settle(health=f"{address}/{{name}}")
        ran = site.play("rolling-update.yaml", "--batch", "1,1", "--pause", "10ms", "-e", "version=2.0")
        assert ran.exit_code == 4, ran.stdout + ran.stderr
        running = [(site.host(name) / "running").read_text().strip() for name in NAMES]
        assert running == ["2.0", "broken", "1.0"]
        said = (site.place / "said").read_text().splitlines()
        assert said == [
            "set server web/h001 state drain", "set server web/h001 state ready", "set server web/h002 state drain"
        ]  # fmt: skip
        assert "apt-get -q -y install nginx=2.0" in stand_ins.calls(site.host("h001"))

        (site.host("h002") / "offered").write_text("2.0\n")
        again = site.play("rolling-update.yaml", "--pause", "10ms", "-e", "version=2.0")
        assert again.exit_code == 0, again.stdout + again.stderr
    assert [(site.host(name) / "running").read_text().strip() for name in NAMES] == ["2.0"] * 3


def test_certificates_are_switched_and_seen_on_the_wire_or_are_as_they_were(site: Site) -> None:
    authority = _certificates(site.jobs / "certificates", NAMES)
    by_address = dict(zip(site.server.addresses(len(NAMES)), NAMES, strict=True))
    for name in NAMES:
        shutil.copytree(_certificates(site.place / "old" / name, ("",)).parent, site.host(name) / "serving")
        (site.host(name) / "ssl").mkdir()
    with web.certificates(lambda address: site.host(by_address[address]) / "serving") as port:
        site.settle({"SSL_CERT_FILE": str(authority)}, directory="{host}/ssl", port=port)
        (site.host("h003") / "misconfigured").touch()
        ran = site.play("certificates.yaml", "--max-failures", "3")
        assert ran.exit_code == 1, ran.stdout + ran.stderr
        new = (site.jobs / "certificates/h001/chain.pem").read_bytes()
        assert (site.host("h001") / "ssl/current/chain.pem").read_bytes() == new
        assert (site.host("h001") / "serving/chain.pem").read_bytes() == new
        key = (site.host("h001") / "ssl/current/key.pem").stat()
        assert (key.st_mode & 0o777, key.st_uid) == (0o600, 0)
        assert "systemctl reload nginx" not in stand_ins.calls(site.host("h003"))

        (site.host("h003") / "misconfigured").unlink()
        before = len(stand_ins.calls(site.host("h001")))
        again = site.play("certificates.yaml")
        assert again.exit_code == 0, again.stdout + again.stderr
        assert len(stand_ins.calls(site.host("h001"))) == before
        assert "systemctl reload nginx" in stand_ins.calls(site.host("h003"))


def test_logs_come_into_a_directory_for_each_host_and_old_ones_go(site: Site) -> None:
    for name in NAMES:
        (site.host(name) / "access.log").write_text(f"GET / {name}\n")
        (site.host(name) / "access.log").chmod(0o600)
    for old in range(1, 9):
        (site.jobs / f"collected/20200101-00000{old}-abcdef").mkdir(parents=True)
    site.settle(files=["{host}/access.log", "{host}/not-there.log"])
    ran = site.play("logs.yaml", "-e", "keep=3")
    assert ran.exit_code == 0, ran.stdout + ran.stderr
    left = sorted(path.name for path in (site.jobs / "collected").iterdir())
    assert left[:2] == ["20200101-000007-abcdef", "20200101-000008-abcdef"]
    collected = site.jobs / "collected" / left[2]
    assert sorted(path.name for path in collected.iterdir()) == list(NAMES)
    assert gzip.decompress((collected / "h002/access.log.gz").read_bytes()) == b"GET / h002\n"
    assert b"started" in gzip.decompress((collected / "h003/journal.gz").read_bytes())


def test_users_have_their_keys_and_who_left_has_none(site: Site, two_users: tuple[Account, Account]) -> None:
    alice, bob = (account.user for account in two_users)
    key = site.server.keys.public("ed25519")
    users = [{"name": alice, "keys": [key]}, {"name": bob, "groups": ["www-data"], "keys": [key, key]}]
    for name in NAMES:
        (site.host(name) / "accounts").write_text(f"{alice}\nmallory\n")
        (site.host(name) / "shadow").write_text(f"{alice}:x\nmallory:x\n")
        (site.host(name) / "home/mallory/.ssh").mkdir(parents=True)
        (site.host(name) / "home/mallory/.ssh/authorized_keys").write_text(key)
    site.settle(homes="{host}/home", users=users)
    ran = site.play("users.yaml")
    assert ran.exit_code == 0, ran.stdout + ran.stderr
    for name in NAMES:
        file = site.host(name) / f"home/{bob}/.ssh/authorized_keys"
        assert file.read_text().splitlines()[1:] == [key, key]
        assert (file.owner(), file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (bob, 0o600, 0o700)
        assert not (site.host(name) / "home/mallory/.ssh/authorized_keys").exists()
        changes = [call for call in stand_ins.calls(site.host(name)) if call.startswith(("useradd", "usermod"))]
        assert [call.split()[-1] for call in changes] == [bob, bob, "mallory"]
    again = site.play("users.yaml", "-o", "json")
    assert again.exit_code == 0, again.stderr
    assert {step["status"] for host in again.json["hosts"] for step in host["steps"]} == {"ok", "skipped"}


def _impatient(job: Path) -> None:
    """What is not there in two seconds will not come."""
    job.write_text(job.read_text().replace("within: 1m", "within: 2s"))


def _certificates(place: Path, names: tuple[str, ...]) -> Path:
    """A key and a certificate in a directory for each name. Returns: the file of the authority that made them."""
    place.mkdir(parents=True, exist_ok=True)
    authority, secret = place / "authority.pem", place / "authority.key"
    _openssl("req", "-x509", "-subj", "/CN=authority", "-keyout", secret, "-out", authority)
    for name in names:
        (place / name).mkdir(exist_ok=True)
        pair = ("-keyout", place / name / "key.pem", "-out", place / name / "chain.pem")
        _openssl("req", "-x509", "-subj", f"/CN={name or 'old'}", "-CA", authority, "-CAkey", secret, *pair)
    return authority


def _openssl(*words: str | Path) -> None:
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "90")
    subprocess.run(["openssl", *map(str, words), *curve], check=True, capture_output=True)
