"""Host keys as a user meets them: unknown, learned, changed, replaced."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.support.fleetctl import Fleetctl, Ran
from tests.support.sshd import Sshd


@pytest.fixture
def known(tmp_path: Path) -> Path:
    return tmp_path / "learned"


@pytest.fixture
def strangers(sshd: Sshd, tmp_path: Path, known: Path) -> Path:
    return sshd.inventory(tmp_path, 5, known_hosts=str(known))


def told_line(ran: Ran) -> list[str]:
    """The `fleetctl trust` line of the closing lines, as words to type."""
    (line,) = [line for line in ran.stderr.splitlines() if "→" in line and "fleetctl trust" in line]
    return shlex.split(line[line.index("fleetctl trust") :])[1:]


def test_an_unknown_key_is_refused_and_the_line_that_trusts_it_told(fleetctl: Fleetctl, strangers: Path) -> None:
    ran = fleetctl("run", "-i", strangers, "df")
    assert ran.exit_code == 3
    assert ran.stdout == ""
    assert "SHA256:" in ran.stderr
    assert fleetctl(*told_line(ran), "--yes").exit_code == 0
    assert fleetctl("run", "-i", strangers, "true").exit_code == 0


def test_the_line_that_trusts_serves_hosts_of_the_command_line_too(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path
) -> None:
    """With port, user and files as they were given, whatever the option they came by."""
    learned = str(tmp_path / "with blank")
    key = ("--key", str(sshd.key()), "-u", sshd.user, "--known-hosts", learned)
    for host in (("-H", f"127.0.1.1:{sshd.port}"), ("-H", "127.0.1.2", "--port", str(sshd.port))):
        ran = fleetctl("run", *host, *key, "true")
        assert ran.exit_code == 3
        assert fleetctl(*told_line(ran), "--yes").exit_code == 0
        assert fleetctl("run", *host, *key, "true").exit_code == 0


def test_trusted_hosts_are_reached_from_then_on(fleetctl: Fleetctl, strangers: Path, known: Path) -> None:
    trusted = fleetctl("trust", "--yes", "-i", strangers)
    assert trusted.exit_code == 0, trusted.stderr
    assert trusted.stdout.count("new") == 5
    assert len(known.read_text().splitlines()) == 5
    assert fleetctl("run", "-i", strangers, "true").exit_code == 0
    again = fleetctl("trust", "--yes", "-i", strangers)
    assert again.stdout.count("same") == 5
    assert len(known.read_text().splitlines()) == 5


def test_nothing_is_written_without_a_yes(fleetctl: Fleetctl, strangers: Path, known: Path) -> None:
    ran = fleetctl("trust", "-i", strangers)
    assert ran.exit_code == 3
    assert not known.exists()


def test_a_person_is_asked(fleetctl: Fleetctl, strangers: Path, known: Path) -> None:
    with fleetctl.on_terminal("trust", "-i", strangers, "h001") as running:
        running.wait_for("[y/N]")
        running.type("y\n")
        assert running.finish().exit_code == 0
    assert len(known.read_text().splitlines()) == 1


def test_a_changed_key_is_refused_and_only_replaced_on_request(
    fleetctl: Fleetctl, sshd: Sshd, strangers: Path, known: Path
) -> None:
    old = f"[127.0.1.1]:{sshd.port} {sshd.keys.public('ed25519')}\n"
    known.write_text(old)
    for policy in ("strict", "accept-new"):
        ran = fleetctl("run", "-t", "h001", "--host-key-policy", policy, "-i", strangers, "df")
        assert ran.exit_code == 3
        assert "CHANGED" in ran.stderr
    looked = fleetctl("trust", "--yes", "-i", strangers, "h001")
    assert looked.exit_code == 3
    assert "CHANGED" in looked.stdout
    assert known.read_text() == old
    assert fleetctl("trust", "--yes", "--replace", "-i", strangers, "h001").exit_code == 0
    assert fleetctl("run", "-t", "h001", "-i", strangers, "true").exit_code == 0


def test_a_revoked_key_is_refused(fleetctl: Fleetctl, sshd: Sshd, strangers: Path, known: Path) -> None:
    key = sshd.host_keys.public("ed25519")
    known.write_text(f"[127.0.1.1]:{sshd.port} {key}\n@revoked * {key}\n")
    ran = fleetctl("run", "-t", "h001", "-i", strangers, "df")
    assert ran.exit_code == 3
    assert "revoked" in ran.stderr


def test_a_host_known_by_another_type_of_key_is_asked_for_that_type(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path
) -> None:
    inventory = sshd.inventory(tmp_path, 2)
    sshd.known_hosts(tmp_path / "known_hosts", sshd.addresses(2), ("rsa",))
    assert fleetctl("run", "-i", inventory, "true").exit_code == 0


def test_accept_new_learns_each_host_once_from_many_at_a_time(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> None:
    known = tmp_path / "learned"
    inventory = sshd.inventory(tmp_path, 50, known_hosts=str(known), host_key_policy="accept-new")
    with fleetctl.start("run", "-i", inventory, "true") as one, fleetctl.start("run", "-i", inventory, "true") as two:
        assert (one.finish().exit_code, two.finish().exit_code) == (0, 0)
    lines = known.read_text().splitlines()
    assert len(lines) == len(set(lines)) == 50


def test_unchecked_keys_are_said_on_every_run(fleetctl: Fleetctl, strangers: Path, known: Path) -> None:
    for _ in range(2):
        ran = fleetctl("run", "--host-key-policy", "off", "-i", strangers, "true")
        assert ran.exit_code == 0
        assert "not checked" in ran.stderr
        assert "h[001-005]" in ran.stderr
    assert not known.exists()


def test_no_secret_is_fetched_to_see_keys(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, known: Path) -> None:
    password = {"command": ["touch", str(tmp_path / "fetched")]}
    inventory = sshd.inventory(tmp_path, 2, known_hosts=str(known), password=password, keys=[])
    assert fleetctl("trust", "-y", "-i", inventory).exit_code == 0
    assert not (tmp_path / "fetched").exists()


def test_one_key_that_cannot_be_written_leaves_the_others_written(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, known: Path
) -> None:
    known.write_text(f"[127.0.1.?]:{sshd.port},!{_name(sshd, 3)} {sshd.keys.public('ed25519')}\n")
    ran = fleetctl("trust", "-y", "--replace", "-i", sshd.inventory(tmp_path, 3, known_hosts=str(known)))
    assert ran.exit_code == 3
    assert f"{known}:1" in ran.stderr
    assert f"{_name(sshd, 3)} ssh-ed25519" in known.read_text()


def _name(server: Sshd, number: int) -> str:
    return f"[127.0.1.{number}]:{server.port}"
