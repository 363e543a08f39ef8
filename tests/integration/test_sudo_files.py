"""`put --sudo` and `get --sudo`: into and out of places that the login may not even look into."""

from __future__ import annotations

import os
import pwd
import signal
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.account import Account
from tests.support.fleetctl import Fleetctl
from tests.support.privileges import Sudoers, denial, doas_rules
from tests.support.running import Ran
from tests.support.sshd import Sshd

ALL = "{user} ALL=(ALL:ALL) ALL"
REQUIRETTY = "Defaults:{user} requiretty"
Move = Callable[..., Ran]


@pytest.fixture
def closed(deputy: Account) -> Iterator[Path]:
    """A directory of root's that nobody else may look into."""
    with tempfile.TemporaryDirectory(prefix="fleettest-closed-") as name:
        yield Path(name)


@pytest.fixture
def move(fleetctl: Fleetctl, deputy: Account, deputy_sshd: Sshd, tmp_path: Path) -> Move:
    """`move("put", …)` on one host, with sudo and its password."""

    def move(command: str, *words: str | Path, method: str = "sudo") -> Ran:
        secret = {"sudo_password": {"env": "SUDO_SECRET"}, "sudo": True, "sudo_method": method}
        inventory = deputy_sshd.inventory(tmp_path, 1, **secret)
        return fleetctl(command, "-i", inventory, *words, env={"SUDO_SECRET": deputy.password})

    return move


def tree(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()
    }


@pytest.mark.parametrize("rules", [(ALL,), (ALL, "Defaults:{user} !use_pty"), (ALL, REQUIRETTY)])
def test_a_file_goes_where_only_root_may_write(
    move: Move, sudoers: Sudoers, here: Path, closed: Path, rules: tuple[str, ...]
) -> None:
    sudoers(*rules)
    data = os.urandom(2_000_000) + b"\r\n\x03\x04\x11\x13\xff"
    (here / "app.conf").write_bytes(data)
    ran = move("put", here / "app.conf", f"{closed}/", "--verify")
    assert ran.exit_code == 0, ran.stderr
    assert tree(closed) == {"app.conf": data}
    assert (closed / "app.conf").stat().st_uid == 0
    assert ("sudo there wants a terminal" in ran.stderr) == (REQUIRETTY in rules)


@pytest.mark.parametrize("rules", [(ALL,), (ALL, REQUIRETTY)])
def test_files_come_from_where_only_root_may_read(
    move: Move, sudoers: Sudoers, here: Path, closed: Path, rules: tuple[str, ...]
) -> None:
    sudoers(*rules)
    data = os.urandom(2_000_000) + b"\r\n\x03\x04\xff"
    (closed / "secret").write_bytes(data)
    (closed / "secret").chmod(0o600)
    (closed / "many").mkdir()
    for number in range(50):
        (closed / "many" / f"{number}").write_text(f"{number}\n")
    ran = move("get", "-r", closed / "secret", closed / "many", here, "--verify")
    assert ran.exit_code == 0, ran.stderr
    assert tree(here / "h001") == tree(closed)


def test_what_is_replaced_keeps_its_owner_and_mode(
    move: Move, sudoers: Sudoers, here: Path, closed: Path, deputy: Account
) -> None:
    sudoers(ALL)
    old, uid = closed / "app.conf", pwd.getpwnam(deputy.user).pw_uid
    old.write_text("old")
    os.chown(old, uid, uid)
    old.chmod(0o640)
    (here / "app.conf").write_text("new")
    assert move("put", here / "app.conf", f"{closed}/").exit_code == 0
    found = old.stat()
    assert (old.read_text(), found.st_uid, stat.S_IMODE(found.st_mode)) == ("new", uid, 0o640)


def test_owner_and_mode_can_be_named(move: Move, sudoers: Sudoers, here: Path, closed: Path) -> None:
    sudoers(ALL)
    (here / "app.conf").write_text("new")
    ran = move("put", here / "app.conf", f"{closed}/", "--owner", "daemon:daemon", "--mode", "0600")
    assert ran.exit_code == 0, ran.stderr
    found = (closed / "app.conf").stat()
    assert (pwd.getpwuid(found.st_uid).pw_name, stat.S_IMODE(found.st_mode)) == ("daemon", 0o600)


@pytest.mark.parametrize("rules", [(ALL,), (ALL, REQUIRETTY)])
def test_a_tree_of_many_files_arrives_as_one(
    move: Move, sudoers: Sudoers, here: Path, closed: Path, rules: tuple[str, ...]
) -> None:
    sudoers(*rules)
    site = here / "site"
    site.mkdir()
    for number in range(100):
        (site / f"page {number}").write_text(f"{number}\n")
    ran = move("put", "-r", site, f"{closed}/")
    assert ran.exit_code == 0, ran.stderr
    assert tree(closed / "site") == tree(site)
    assert (closed / "site").stat().st_uid == 0


def test_a_tree_goes_by_tar_where_that_is_asked_for(move: Move, sudoers: Sudoers, here: Path, closed: Path) -> None:
    sudoers(ALL)
    site = here / "site"
    site.mkdir()
    for number in range(100):
        (site / f"page {number}").write_text(f"{number}\n")
    ran = move("put", "-r", site, f"{closed}/", "--via", "tar")
    assert ran.exit_code == 0, ran.stderr
    assert tree(closed / "site") == tree(site)


def test_tar_is_refused_through_a_terminal(move: Move, sudoers: Sudoers, here: Path, closed: Path) -> None:
    sudoers(ALL, REQUIRETTY)
    (here / "site").mkdir()
    (here / "site" / "page").write_text("page")
    ran = move("put", "-r", here / "site", f"{closed}/", "--via", "tar")
    assert ran.exit_code == 1
    assert "tar cannot work through one" in ran.stderr
    assert list(closed.iterdir()) == []


@pytest.mark.parametrize("rule", ["permit nopass {user}", "permit {user}"])
def test_files_go_and_come_with_doas(move: Move, deputy: Account, here: Path, closed: Path, rule: str) -> None:
    data = os.urandom(300_000)
    (here / "app.conf").write_bytes(data)
    with doas_rules(rule.format(user=deputy.user)):
        put = move("put", here / "app.conf", f"{closed}/", method="doas")
        get = move("get", closed / "app.conf", here, method="doas")
    assert (put.exit_code, get.exit_code) == (0, 0), put.stderr + get.stderr
    assert (here / "h001" / "app.conf").read_bytes() == data


def test_a_dry_run_looks_with_the_same_rights_and_changes_nothing(
    move: Move, sudoers: Sudoers, here: Path, closed: Path
) -> None:
    sudoers(ALL)
    (here / "app.conf").write_text("new")
    (closed / "app.conf").write_text("older")
    ran = move("put", here / "app.conf", f"{closed}/", "--dry-run")
    assert ran.exit_code == 0, ran.stderr
    assert "app.conf" in ran.stdout
    assert tree(closed) == {"app.conf": b"older"}


def test_a_refusal_moves_nothing(move: Move, here: Path, closed: Path) -> None:
    (here / "app.conf").write_text("new")
    error = denial(move("put", here / "app.conf", f"{closed}/", "-o", "json"))
    assert "does not let" in error["message"]
    assert list(closed.iterdir()) == []


@pytest.mark.parametrize("rules", [(ALL,), (ALL, "Defaults:{user} !use_pty"), (ALL, REQUIRETTY)])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_put_that_is_interrupted_leaves_nothing(
    fleetctl: Fleetctl,
    sudoers: Sudoers,
    deputy: Account,
    deputy_sshd: Sshd,
    tmp_path: Path,
    here: Path,
    closed: Path,
    rules: tuple[str, ...],
    how: signal.Signals,
) -> None:
    sudoers(*rules)
    (here / "large it's !").write_bytes(os.urandom(9_000_000))
    inventory = deputy_sshd.inventory(tmp_path, 1, sudo=True, sudo_password=deputy.password)
    words = ("-o", "ndjson", "--limit", "2MB/s", here / "large it's !", closed)
    with fleetctl.start("put", "-i", inventory, *words) as running:
        running.wait_for_match('"bytes":[1-9]')
        assert [path.suffix for path in closed.iterdir()] == [".part"]
        running.signal(how)
        running.finish()
    deputy_sshd.wait_for_sessions()
    assert list(closed.iterdir()) == []


def test_a_put_to_resume_leaves_what_can_be_resumed(
    fleetctl: Fleetctl, sudoers: Sudoers, deputy: Account, deputy_sshd: Sshd, tmp_path: Path, here: Path, closed: Path
) -> None:
    sudoers(ALL)
    (here / "large").write_bytes(os.urandom(9_000_000))
    inventory = deputy_sshd.inventory(tmp_path, 1, sudo=True, sudo_password=deputy.password)
    words = ("-o", "ndjson", "--limit", "2MB/s", "--resume", here / "large", closed)
    with fleetctl.start("put", "-i", inventory, *words) as running:
        running.wait_for_match('"bytes":[1-9]')
        running.signal(signal.SIGINT)
        running.finish()
    deputy_sshd.wait_for_sessions()
    assert [path.suffix for path in closed.iterdir()] == [".part"]
