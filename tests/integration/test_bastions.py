"""Hosts behind bastions and proxy commands, reached by every command as if they were near."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.support import processes
from tests.support.account import Account
from tests.support.bastions import bastion_address, behind, relay_to
from tests.support.fleetctl import Fleetctl
from tests.support.secrecy import secret
from tests.support.sshd import Sshd, SshdStarter


def logins(server: Sshd) -> int:
    return len(re.findall(r"Accepted \w+ for", server.log))


@pytest.fixture
def bastion(start_sshd: SshdStarter) -> Sshd:
    return start_sshd()


def test_all_hosts_behind_a_bastion_share_one_session_with_it(
    fleetctl: Fleetctl, sshd: Sshd, bastion: Sshd, tmp_path: Path
) -> None:
    ran = fleetctl("run", "-i", behind(sshd, [bastion], tmp_path, 20), "echo", "here")
    assert ran.exit_code == 0, ran.stderr
    assert ran.stdout.count(": here\n") == 20
    assert logins(bastion) == 1


def test_a_chain_of_bastions_is_gone_through_in_order(
    fleetctl: Fleetctl, sshd: Sshd, start_sshd: SshdStarter, tmp_path: Path
) -> None:
    bastions = [start_sshd(), start_sshd(), start_sshd()]
    ran = fleetctl("run", "-i", behind(sshd, bastions, tmp_path), "echo", "here")
    assert ran.exit_code == 0, ran.stderr
    assert ran.stdout.count("here") == 3
    assert [logins(bastion) for bastion in bastions] == [1, 1, 1]


def test_bastions_of_the_command_line_win_and_need_not_be_in_the_inventory(
    fleetctl: Fleetctl, sshd: Sshd, start_sshd: SshdStarter, tmp_path: Path
) -> None:
    first, second = start_sshd(), start_sshd()
    inventory = behind(sshd, [start_sshd("AllowTcpForwarding no")], tmp_path)
    places = [f"{server.user}@127.0.8.9:{server.port}" for server in (first, second)]
    learned = ("--known-hosts", tmp_path / "learned", "--host-key-policy", "accept-new")
    ran = fleetctl("run", "-i", inventory, "-J", ",".join(places), *learned, "echo", "here")
    assert ran.exit_code == 0, ran.stderr
    assert (logins(first), logins(second)) == (1, 1)


def test_no_bastion_is_used_where_none_is_wanted(fleetctl: Fleetctl, sshd: Sshd, bastion: Sshd, tmp_path: Path) -> None:
    ran = fleetctl("run", "-i", behind(sshd, [bastion], tmp_path), "-J", "none", "true")
    assert ran.exit_code == 0, ran.stderr
    assert logins(bastion) == 0


def test_a_bastion_that_is_a_target_too_is_not_reached_through_itself(
    fleetctl: Fleetctl, sshd: Sshd, bastion: Sshd, tmp_path: Path
) -> None:
    ran = fleetctl("run", "-i", behind(sshd, [bastion], tmp_path), "-t", "@*", "-J", "b1", "echo", "here")
    assert ran.exit_code == 0, ran.stderr
    assert ran.stdout.count("here") == 4
    assert logins(bastion) == 2


def test_files_go_through_a_bastion_both_ways(
    fleetctl: Fleetctl, sshd: Sshd, bastion: Sshd, tmp_path: Path, here: Path, far: Path
) -> None:
    inventory = behind(sshd, [bastion], tmp_path, 2)
    (here / "large").write_bytes(bytes(range(256)) * 100_000)
    (here / "tree").mkdir()
    for number in range(300):
        (here / "tree" / f"{number}").write_text(f"file {number}")
    put = fleetctl("put", "-r", here / "large", here / "tree", f"{far}/", "-i", inventory, "-t", "h001")
    assert put.exit_code == 0, put.stderr
    got = fleetctl("get", "-r", f"{far}/", here / "back", "-i", inventory)
    assert got.exit_code == 0, got.stderr
    for host in ("h001", "h002"):
        back = here / "back" / host
        assert (back / "large").read_bytes() == (here / "large").read_bytes()
        assert len(list((back / "tree").iterdir())) == 300


def test_much_output_and_input_go_through_a_bastion(
    fleetctl: Fleetctl, sshd: Sshd, bastion: Sshd, tmp_path: Path
) -> None:
    inventory = behind(sshd, [bastion], tmp_path, 2)
    data = b"0123456789abcde\n" * 500_000
    ran = fleetctl("run", "-i", inventory, "-q", "-N", "cat", stdin=data)
    assert ran.exit_code == 0, ran.stderr
    assert len(ran.stdout_bytes) == 2 * len(data)


def test_ping_tells_the_time_through_a_bastion(fleetctl: Fleetctl, sshd: Sshd, bastion: Sshd, tmp_path: Path) -> None:
    ran = fleetctl("ping", "-i", behind(sshd, [bastion], tmp_path))
    assert ran.exit_code == 0
    assert ran.stdout.count("round trip") == 3


def test_trust_shows_bastions_first_and_then_what_is_behind_them(
    fleetctl: Fleetctl, sshd: Sshd, bastion: Sshd, tmp_path: Path
) -> None:
    learned = tmp_path / "learned"
    inventory = behind(sshd, [bastion], tmp_path, 2, known_hosts=str(learned))
    refused = fleetctl("run", "-i", inventory, "true")
    assert refused.exit_code == 3
    assert refused.stderr.count("→") == 1  # told once for all
    assert "bastion b1: the host key" in refused.stderr
    trusted = fleetctl("trust", "-i", inventory, "--yes")
    assert trusted.exit_code == 0, trusted.stderr
    assert [line.split()[0] for line in trusted.stdout.splitlines()] == ["host", "b1", "host", "h001", "h002"]
    assert len(learned.read_text().splitlines()) == 3
    assert fleetctl("run", "-i", inventory, "true").exit_code == 0


def test_what_is_behind_an_untrusted_bastion_cannot_be_trusted(
    fleetctl: Fleetctl, sshd: Sshd, bastion: Sshd, tmp_path: Path
) -> None:
    learned = tmp_path / "learned"
    trusted = fleetctl("trust", "-i", behind(sshd, [bastion], tmp_path, 2, known_hosts=str(learned)))
    assert trusted.exit_code == 3
    assert "nothing was written" in trusted.stderr
    assert not learned.exists()
    assert trusted.stdout.count("no key") == 2


def test_a_bastion_has_a_login_of_its_own(
    fleetctl: Fleetctl, sshd: Sshd, start_sshd: SshdStarter, tmp_path: Path, password_login: Account
) -> None:
    bastion = start_sshd("PubkeyAuthentication no")
    inventory = behind(sshd, [bastion], tmp_path)
    content = yaml.safe_load(inventory.read_text())
    content["hosts"]["b1"] |= {"keys": [], "password": {"env": "DOOR"}}
    inventory.write_text(yaml.safe_dump(content, sort_keys=False))
    ran = fleetctl("run", "-i", inventory, "true", env={"DOOR": password_login.password})
    assert ran.exit_code == 0, ran.stderr


def test_a_proxy_command_makes_the_connection_and_is_gone_afterwards(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path
) -> None:
    mark = f"PROXY_OF={tmp_path.name}"
    command = f"env {mark} {relay_to('127.0.1.1', str(sshd.port))}"
    inventory = sshd.inventory(tmp_path, 3, proxy_command=command)
    ran = fleetctl("run", "-i", inventory, "echo", "here")
    assert ran.exit_code == 0, ran.stderr
    assert ran.stdout.count("here") == 3
    assert processes.with_variable(mark) == []


def test_a_bastion_may_be_reached_by_a_proxy_command(
    fleetctl: Fleetctl, sshd: Sshd, bastion: Sshd, tmp_path: Path
) -> None:
    inventory = behind(sshd, [bastion], tmp_path)
    content = yaml.safe_load(inventory.read_text())
    content["hosts"]["b1"] |= {"proxy_command": relay_to(bastion_address(1), str(bastion.port))}
    inventory.write_text(yaml.safe_dump(content, sort_keys=False))
    ran = fleetctl("run", "-i", inventory, "true")
    assert ran.exit_code == 0, ran.stderr
    assert logins(bastion) == 1


def test_a_proxy_command_does_not_see_the_variables_that_hold_secrets(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    (tmp_path / "proxy").write_text(f"env > {seen}\nexec {relay_to('127.0.1.1', str(sshd.port))}\n")
    command = f"sh {tmp_path / 'proxy'}"
    inventory = sshd.inventory(tmp_path, 1, proxy_command=command, password={"env": "LOGIN"})
    ran = fleetctl("run", "-i", inventory, "true", env={"LOGIN": secret("password"), "OTHER": "plain"})
    assert ran.exit_code == 0, ran.stderr
    assert "OTHER=plain" in seen.read_text()
    assert "LOGIN" not in seen.read_text()


def test_a_proxy_command_is_run_by_the_users_shell(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> None:
    inventory = sshd.inventory(tmp_path, 1, proxy_command=relay_to("%h", "%p"))
    shell = tmp_path / "shell"
    shell.write_text('#!/bin/sh\ntouch "$0.ran"\nexec /bin/sh "$@"\n')
    shell.chmod(0o700)
    assert fleetctl("run", "-i", inventory, "true", env={"SHELL": str(shell)}).exit_code == 0
    assert (tmp_path / "shell.ran").exists()
    ran = fleetctl("run", "-i", inventory, "true", env={"SHELL": "/no/shell"})
    assert ran.exit_code == 3
    assert "cannot start the proxy command with /no/shell: No such file or directory" in ran.stderr


def test_a_proxy_command_is_not_run_from_an_inventory_that_others_can_write(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path
) -> None:
    begun = tmp_path / "begun"
    inventory = sshd.inventory(tmp_path, 1, proxy_command=f"touch {begun}")
    inventory.chmod(0o622)
    ran = fleetctl("run", "-i", inventory, "true")
    assert ran.exit_code == 2
    assert "can be written by others, so its command is not run" in ran.stderr
    assert not begun.exists()
