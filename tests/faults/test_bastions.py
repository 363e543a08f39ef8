"""Bastions and proxy commands in trouble: told once, as what it is, and hosts that need none go on."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import broken, processes
from tests.support.bastions import behind, relay_to
from tests.support.fleetctl import Fleetctl, Ran
from tests.support.sshd import Sshd, SshdStarter

OFF = ("--host-key-policy", "off")
PATIENCE = ("--connect-timeout", "2", "--login-timeout", "4", "--retries", "0")


def hosts_of(ran: Ran) -> dict[str, Any]:
    return {host["host"]: host for host in ran.json["hosts"]}


def with_near_host(inventory: Path) -> Path:
    """Adds `near`, which needs no bastion, to the hosts that are run on."""
    content = yaml.safe_load(inventory.read_text())
    content["hosts"]["near"] = {"address": "127.0.1.1"}
    content["default_target"] = "@behind,near"
    inventory.write_text(yaml.safe_dump(content, sort_keys=False))
    return inventory


def change(inventory: Path, host: str, **settings: Any) -> None:
    content = yaml.safe_load(inventory.read_text())
    content["hosts"][host] |= settings
    inventory.write_text(yaml.safe_dump(content, sort_keys=False))


@pytest.fixture
def bastion(start_sshd: SshdStarter) -> Sshd:
    return start_sshd()


def test_a_bastion_that_is_down_is_told_once_for_all_its_hosts(
    fleetctl: Fleetctl, sshd: Sshd, bastion: Sshd, tmp_path: Path
) -> None:
    inventory = with_near_host(behind(sshd, [bastion], tmp_path))
    change(inventory, "b1", port=broken.free_port())
    ran = fleetctl("run", "-i", inventory, *PATIENCE, "echo", "here")
    assert ran.exit_code == 3
    assert ran.stdout == "near: here\n"
    assert "unreachable  h[001-003]  bastion b1: connection refused by 127.0.8.1" in ran.stderr


def test_a_bastion_that_says_nothing_is_asked_by_one_host_only(
    fleetctl: Fleetctl, sshd: Sshd, bastion: Sshd, tmp_path: Path
) -> None:
    asked = []

    def silent(connection: Any) -> None:
        asked.append(connection)
        broken.silent(connection)

    inventory = behind(sshd, [bastion], tmp_path)
    with broken.server(silent) as port:
        change(inventory, "b1", port=port, address="127.0.0.1")
        ran = fleetctl("run", "-i", inventory, "-o", "json", *PATIENCE, "true")
    assert {host["error"]["code"] for host in hosts_of(ran).values()} == {"connect-timeout"}
    assert len(asked) == 1


def test_a_bastion_that_forbids_forwarding_is_told_as_that(
    fleetctl: Fleetctl, sshd: Sshd, start_sshd: SshdStarter, tmp_path: Path
) -> None:
    inventory = behind(sshd, [start_sshd("AllowTcpForwarding no")], tmp_path, 1)
    ran = fleetctl("run", "-i", inventory, *PATIENCE, "true")
    assert ran.exit_code == 3
    assert "b1 does not let us connect to 127.0.1.1" in ran.stderr
    assert "AllowTcpForwarding" in ran.stderr


@pytest.mark.parametrize(
    ("bad", "code", "told"),
    [
        ({"port": 1}, "connection-refused", "connection refused by 127.0.1.2:1, asked by b1"),
        ({"address": "nowhere.invalid"}, "name-unknown", "b1 cannot resolve nowhere.invalid"),
    ],
)
def test_a_host_that_the_bastion_cannot_reach_is_told_by_itself(
    fleetctl: Fleetctl, sshd: Sshd, bastion: Sshd, tmp_path: Path, bad: dict[str, Any], code: str, told: str
) -> None:
    inventory = behind(sshd, [bastion], tmp_path)
    change(inventory, "h002", **bad)
    hosts = hosts_of(fleetctl("run", "-i", inventory, "-o", "json", *PATIENCE, "true"))
    assert hosts["h002"]["error"]["code"] == code
    assert told in hosts["h002"]["error"]["message"]
    assert (hosts["h001"]["status"], hosts["h003"]["status"]) == ("ok", "ok")


def test_a_bastion_that_dies_in_mid_run_ends_its_hosts_and_no_others(
    fleetctl: Fleetctl, sshd: Sshd, bastion: Sshd, tmp_path: Path
) -> None:
    inventory = with_near_host(behind(sshd, [bastion], tmp_path))
    with ExitStack() as life:
        change(
            inventory,
            "b1",
            address="127.0.0.1",
            port=life.enter_context(broken.cutting_relay(("127.0.0.1", bastion.port))),
        )
        line = "echo begun; read line; echo $line"
        with fleetctl.start("run", "-i", inventory, *OFF, *PATIENCE, line, keyboard=True) as running:
            for host in ("h001", "h002", "h003", "near"):
                running.wait_for(f"{host}: begun")
            life.close()
            for host in ("h001", "h002", "h003"):
                running.wait_for(f"{host}: unreachable")
            running.type("done\n")
            ran = running.finish()
    assert ran.exit_code == 3
    assert "near: done" in ran.stdout
    assert "unreachable  h[001-003]  the connection ended: the bastion b1 went away" in ran.stderr


def test_a_wrong_key_at_the_second_bastion_is_refused_there(
    fleetctl: Fleetctl, sshd: Sshd, start_sshd: SshdStarter, tmp_path: Path
) -> None:
    first, second = start_sshd(), start_sshd()
    inventory = behind(sshd, [first, second], tmp_path)
    known = tmp_path / "known_hosts"
    stranger = sshd.keys.public("ed25519")
    lines = [line for line in known.read_text().splitlines() if not line.startswith("[127.0.8.2]")]
    known.write_text("\n".join([*lines, f"[127.0.8.2]:{second.port} {stranger}", ""]))
    ran = fleetctl("run", "-i", inventory, "-o", "json", *PATIENCE, "--host-key-policy", "accept-new", "true")
    assert ran.exit_code == 3
    for host in hosts_of(ran).values():
        assert (host["status"], host["error"]["code"]) == ("untrusted", "host-key-changed")
        assert host["error"]["message"].startswith("bastion b2: THE HOST KEY OF [127.0.8.2]")
    assert "Accepted" not in second.log


def test_a_bastion_that_denies_the_login_denies_it_for_all(
    fleetctl: Fleetctl, sshd: Sshd, bastion: Sshd, tmp_path: Path
) -> None:
    inventory = behind(sshd, [bastion], tmp_path)
    change(inventory, "b1", keys=[str(sshd.key("stranger"))])
    ran = fleetctl("run", "-i", inventory, "-o", "json", *PATIENCE, "true")
    assert {host["status"] for host in hosts_of(ran).values()} == {"denied"}
    assert bastion.log.count("Connection closed by authenticating user") + bastion.log.count("Disconnected from") <= 1


def test_a_bastion_without_its_password_is_told_where_one_is_given(
    fleetctl: Fleetctl, sshd: Sshd, bastion: Sshd, tmp_path: Path
) -> None:
    inventory = behind(sshd, [bastion], tmp_path)
    change(inventory, "b1", keys=[])
    ran = fleetctl("run", "-i", inventory, "-o", "json", *PATIENCE, "true")
    for host in hosts_of(ran).values():
        assert "`password` of b1 in the inventory; --ask-pass is for the hosts behind it" in host["error"]["hint"]


def test_jumps_in_a_circle_are_told_before_anything_is_contacted(
    fleetctl: Fleetctl, sshd: Sshd, bastion: Sshd, tmp_path: Path
) -> None:
    inventory = behind(sshd, [bastion], tmp_path)
    change(inventory, "b1", jump="h001")
    ran = fleetctl("run", "-i", inventory, "true")
    assert ran.exit_code == 2
    assert "jumps go in a circle" in ran.stderr


def test_a_proxy_command_that_exits_is_told_with_what_it_said(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> None:
    inventory = sshd.inventory(tmp_path, 2, proxy_command="sh -c 'echo no route today >&2; exit 7'")
    ran = fleetctl("run", "-i", inventory, *PATIENCE, "true")
    assert ran.exit_code == 3
    assert "unreachable  h[001-002]  the proxy command ended with exit code 7: no route today" in ran.stderr


def test_a_proxy_command_that_hangs_is_given_up_and_ended(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> None:
    mark = f"PROXY_OF={tmp_path.name}"
    hangs = f"env {mark} sh -c 'trap \"\" TERM HUP; echo waiting for a smart card >&2; sleep 300; :'"
    inventory = sshd.inventory(tmp_path, 2, proxy_command=hangs)
    ran = fleetctl("run", "-i", inventory, *PATIENCE, "-o", "json", "true")
    for host in hosts_of(ran).values():
        assert host["error"]["code"] == "connect-timeout"
        assert "the proxy command runs: waiting for a smart card" in host["error"]["message"]
    assert processes.with_variable(mark) == []


def test_what_a_proxy_command_has_begun_ends_with_it(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> None:
    mark = f"PROXY_OF={tmp_path.name}"
    stays = f"env {mark} sh -c 'trap \"\" TERM HUP; sleep 300; :' </dev/null >/dev/null 2>&1"
    inventory = sshd.inventory(tmp_path, 2, proxy_command=f"{stays} & exec {relay_to('%h', '%p')}")
    assert fleetctl("run", "-i", inventory, "true").exit_code == 0
    assert processes.with_variable(mark) == []


def test_an_interrupt_ends_what_waits_for_a_bastion(
    fleetctl: Fleetctl, sshd: Sshd, bastion: Sshd, tmp_path: Path
) -> None:
    inventory = behind(sshd, [bastion], tmp_path)
    with broken.server(broken.silent) as port:
        change(inventory, "b1", port=port, address="127.0.0.1")
        with fleetctl.on_terminal("run", "-i", inventory, "true") as running:
            running.wait_for("3")
            running.type("\x03")
            running.wait_for("Ctrl-C again")
            running.type("\x03")
            ran = running.finish()
    assert ran.exit_code == 130
