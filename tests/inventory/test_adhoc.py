"""Hosts that are named with -H: how they are written, and what they do to hosts of the inventory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fleetctl.errors import InventoryError, UsageError
from fleetctl.inventory import Inventory, Overrides, load, parse_adhoc


@pytest.mark.parametrize(
    ("spec", "address", "user", "port"),
    [
        ("web01", "web01", None, None),
        ("root@web01", "web01", "root", None),
        ("web01.example.com:2222", "web01.example.com", None, 2222),
        ("root@10.0.0.1:22", "10.0.0.1", "root", 22),
        ("2001:db8::1", "2001:db8::1", None, None),
        ("[2001:db8::1]", "2001:db8::1", None, None),
        ("::1", "::1", None, None),
        ("user@[::1]:22", "::1", "user", 22),
        ("root@[2001:db8::1]:2222", "2001:db8::1", "root", 2222),
        ("DOMAIN\\ann@web01", "web01", "DOMAIN\\ann", None),
    ],
)
def test_a_host_is_written_as_for_ssh(spec: str, address: str, user: str | None, port: int | None) -> None:
    said = parse_adhoc(spec)
    assert (said.address, said.user, said.port) == (address, user, port)


@pytest.mark.parametrize(
    "spec", ["", "@web01", "root@", "web01:", "web01:0", "web01:65536", "web01:x", "-oProxyCommand=x", "-x@web01",
             "a b", "web01;reboot", "web[01-02]", "ann@bob@web01", "[2001:db8::1", "web01:22:23:zz"],
)  # fmt: skip
def test_what_is_no_host_is_refused(spec: str) -> None:
    with pytest.raises(UsageError, match="is no host"):
        parse_adhoc(spec)


def test_without_an_inventory_it_has_the_built_in_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/agent")
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "id_rsa").touch()
    (host,) = load([]).with_hosts(["root@10.0.0.5:2222"]).hosts(["10.0.0.5"])
    assert (host.name, host.address, host.port, host.login.user) == ("10.0.0.5", "10.0.0.5", 2222, "root")
    assert host.login.keys == (f"{tmp_path}/.ssh/id_rsa",)
    assert host.login.agent
    assert host.known_hosts == (f"{tmp_path}/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts")
    assert (host.host_key_policy, host.connect_timeout) == ("strict", 10.0)


def test_a_host_of_the_inventory_keeps_what_is_not_said(tmp_path: Path) -> None:
    path = tmp_path / "inventory.yaml"
    path.write_text("hosts: {db01: {address: 10.0.0.11, port: 2222, user: postgres}}\n")
    (host,) = load([path]).with_hosts(["root@db01"]).hosts(["db01"])
    assert (host.address, host.port, host.login.user) == ("10.0.0.11", 2222, "root")


def test_what_is_said_of_one_host_wins_over_options_for_all() -> None:
    inventory = load([]).with_hosts(["root@one:23", "two"])
    one, two = inventory.hosts(["one", "two"], Overrides(user="ann", port=24))
    assert (one.login.user, one.port) == ("root", 23)
    assert (two.login.user, two.port) == ("ann", 24)


def test_one_name_for_two_different_hosts_is_refused() -> None:
    assert load([]).with_hosts(["a:22", "a:22"]).names == ("a",)
    with pytest.raises(UsageError, match="names a twice"):
        load([]).with_hosts(["a:22", "a:23"])


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Inventory]:
    def write(text: str) -> Inventory:
        path = tmp_path / "inventory.yaml"
        path.write_text(text)
        return load([path])

    return write


@pytest.mark.parametrize(
    ("jump", "way_there"),
    [
        ("10.0.0.5", []),
        ("me@10.0.0.5:2222", []),
        ("[a, 10.0.0.5, b]", ["a"]),
        ("[10.0.0.4, 10.0.0.5]", ["10.0.0.4"]),
        ("a", ["a"]),
    ],
)
def test_a_bastion_of_all_hosts_does_not_jump_through_itself(
    write: Callable[[str], Inventory], jump: str, way_there: list[str]
) -> None:
    inventory = write(f"defaults: {{jump: {jump}}}\nhosts: {{a: {{jump: []}}, b: {{jump: []}}, c: {{}}}}\n")
    before = inventory.hosts(["c"])[0].jump
    bastion, other = inventory.with_hosts(["10.0.0.5"]).hosts(["10.0.0.5", "c"])
    assert [hop.name for hop in bastion.jump] == way_there
    assert [hop.name for hop in other.jump] == [hop.name for hop in before]


def test_a_circle_that_a_host_of_the_command_line_closes_is_told_with_its_place(
    write: Callable[[str], Inventory],
) -> None:
    inventory = write("defaults:\n  jump: a\nhosts:\n  a: {jump: 10.0.0.5}\n")
    with pytest.raises(InventoryError) as raised:
        inventory.with_hosts(["10.0.0.5"])
    (problem,) = raised.value.problems
    assert (problem.line, problem.path) == (2, "defaults.jump")
    assert "jumps go in a circle: a → 10.0.0.5 → a" in problem.message
