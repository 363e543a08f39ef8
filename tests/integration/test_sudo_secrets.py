"""The sudo password: it appears nowhere, and a wrong one is tried on one host."""

from __future__ import annotations

import os
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.account import Account
from tests.support.fleetctl import Fleetctl
from tests.support.privileges import Sudoers
from tests.support.secrecy import secret
from tests.support.sshd import Sshd

ALL = "{user} ALL=(ALL:ALL) ALL"
WRONG = secret("wrong password")


@contextmanager
def sudo_log(sudoers: Sudoers, *rules: str) -> Iterator[Path]:
    """The file where sudo counts what was tried."""
    path = Path(f"/run/fleettest-sudo-{os.getpid()}.log")
    sudoers(ALL, f"Defaults:{{user}} logfile={path}", "Defaults:{user} passwd_tries=3", *rules)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def attempts(log: Path) -> int:
    return log.read_text().count("incorrect password attempt") if log.exists() else 0


@pytest.mark.parametrize(("options", "tried"), [((), 1), (("--auth-failures", "3"), 3)])
def test_a_wrong_password_is_tried_on_few_hosts(
    fleetctl: Fleetctl,
    sudoers: Sudoers,
    deputy_sshd: Sshd,
    tmp_path: Path,
    options: tuple[str, ...],
    tried: int,
) -> None:
    inventory = deputy_sshd.inventory(tmp_path, 8, sudo_password={"env": "SECRET"})
    with sudo_log(sudoers) as log:
        ran = fleetctl("run", "-s", "-i", inventory, "-o", "json", *options, "id", env={"SECRET": WRONG})
        deputy_sshd.wait_for_sessions()
        assert attempts(log) == tried
    statuses = [host["status"] for host in ran.json["hosts"]]
    assert (statuses.count("denied"), statuses.count("skipped")) == (tried, 8 - tried)
    withheld = next(host["error"] for host in ran.json["hosts"] if host["status"] == "skipped")
    assert "sudo password was rejected" in withheld["message"]
    assert "not tried here" in withheld["message"]
    assert ran.exit_code == 3


def test_the_right_password_goes_to_all_hosts(
    fleetctl: Fleetctl, sudoers: Sudoers, deputy: Account, deputy_sshd: Sshd, tmp_path: Path
) -> None:
    inventory = deputy_sshd.inventory(tmp_path, 20, sudo_password={"env": "SECRET"})
    with sudo_log(sudoers) as log:
        ran = fleetctl("run", "-s", "-i", inventory, "-N", "id -un", env={"SECRET": deputy.password})
        assert attempts(log) == 0
    assert ran.stdout == 20 * "root\n"


def test_a_rejected_sudo_password_says_nothing_of_the_same_login_password(
    fleetctl: Fleetctl, sudoers: Sudoers, deputy: Account, deputy_sshd: Sshd, tmp_path: Path
) -> None:
    """Both are told apart, though they are the same word."""
    secret = {"password": {"env": "SECRET"}, "sudo_password": {"env": "SECRET"}}
    inventory = deputy_sshd.inventory(tmp_path, 3, keys=[], **secret)
    sudoers(ALL, "Defaults:{user} rootpw")
    ran = fleetctl("run", "-s", "-i", inventory, "-o", "json", "id", env={"SECRET": deputy.password})
    assert sorted(host["status"] for host in ran.json["hosts"]) == ["denied", "skipped", "skipped"]
    assert all("sudo" in host["error"]["message"] for host in ran.json["hosts"])


@pytest.mark.parametrize("rules", [(), ("Defaults:{user} requiretty",), ("Defaults:{user} !use_pty",)])
@pytest.mark.parametrize("options", [(), ("--pty",)])
def test_the_password_appears_nowhere(
    fleetctl: Fleetctl,
    sudoers: Sudoers,
    deputy: Account,
    deputy_sshd: Sshd,
    tmp_path: Path,
    rules: tuple[str, ...],
    options: tuple[str, ...],
) -> None:
    """The command looks at every process of the machine, ours included, and tells what it finds of a secret."""
    sudoers(ALL, *rules)
    secret = tmp_path / "secret"
    secret.write_text(deputy.password)
    secret.chmod(0o600)
    inventory = deputy_sshd.inventory(tmp_path, 2, sudo_password={"file": str(secret)})
    look = "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'; echo looked; exit 3"
    ran = fleetctl("run", "-s", "-vv", "-i", inventory, "-o", "json", "--raw", *options, look)
    # Where some process has what is no UTF-8 in its environment, all of it comes in base64.
    said = [host.get("stdout", "").encode() or b64decode(host["stdout_base64"]) for host in ran.json["hosts"]]
    assert all(b"looked" in one and b"FLEETTEST_SSHD" in one for one in said)
    assert deputy.password.encode() not in b"".join(said)
    assert deputy.password not in ran.stdout + ran.stderr


@pytest.mark.parametrize("password", [WRONG, f"{WRONG}\n{WRONG}"], ids=["of one line", "of two lines"])
def test_a_password_that_is_refused_appears_nowhere(
    fleetctl: Fleetctl, sudoers: Sudoers, deputy_sshd: Sshd, tmp_path: Path, password: str
) -> None:
    sudoers(ALL)
    inventory = deputy_sshd.inventory(tmp_path, 2, sudo_password={"env": "SECRET"})
    ran = fleetctl("run", "-s", "-vv", "-i", inventory, "id", env={"SECRET": password})
    assert ran.exit_code == 3
    assert password not in ran.stdout + ran.stderr
    assert password.splitlines()[-1] not in ran.stdout + ran.stderr


def test_a_password_is_not_stored_in_the_files_that_are_put(
    fleetctl: Fleetctl, sudoers: Sudoers, deputy: Account, deputy_sshd: Sshd, tmp_path: Path, here: Path, far: Path
) -> None:
    """No password is asked for, and none gets into what the far end reads."""
    sudoers("{user} ALL=(ALL:ALL) NOPASSWD: ALL")
    (here / "file").write_text("content")
    inventory = deputy_sshd.inventory(tmp_path, 1, sudo=True, sudo_password={"env": "SECRET"})
    assert fleetctl("put", "-i", inventory, here / "file", f"{far}/", env={"SECRET": deputy.password}).exit_code == 0
    assert (far / "file").read_text() == "content"
