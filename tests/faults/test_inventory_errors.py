"""What is wrong before anything is contacted: exit code 2, the place named, nothing on stdout."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.fleetctl import Fleetctl

HOSTS = "groups:\n  web: {hosts: 'web[01-03]', tags: [eu]}\n"


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        ("", (), "the inventory has no hosts"),
        ("hosts: {}\n", (), "the inventory has no hosts"),
        (HOSTS, ("-t", "@wbe"), "did you mean web?"),
        (HOSTS, ("-t", "@tag:us"), "no host has the tag 'us'"),
        (HOSTS, ("-t", "web01!web01"), "nothing is left"),
        (HOSTS, ("-t", "web&db*"), "'db*' selects no host"),
        (HOSTS, ("-t", "web09"), "no such host or group: web09"),
        (HOSTS, ("-x", "web"), "nothing is left"),
        (HOSTS, ("-t", "web[01-"), "cannot be read"),
        ("hosts: {a: {prot: 1}}\n", (), "inventory.yaml:1: hosts.a.prot: unknown key; did you mean port?"),
        ("hosts: [a\n", (), "is no YAML"),
        ("hosts: {a: {jump: nowhere}}\n", (), "no such host: nowhere"),
        ("hosts: {a: {password: {env: NOT_SET}}}\n", (), "NOT_SET is not set"),
    ],
)
def test_a_mistake_is_told_with_its_place(
    fleetctl: Fleetctl, tmp_path: Path, content: str, options: tuple[str, ...], said: str
) -> None:
    inventory = tmp_path / "inventory.yaml"
    inventory.write_text(content)
    ran = fleetctl("run", "-i", inventory, *options, "df")
    assert ran.exit_code == 2
    assert said in ran.stderr
    assert ran.stdout == ""


def test_no_inventory_at_all_says_where_one_is_looked_for(fleetctl: Fleetctl) -> None:
    ran = fleetctl("run", "df")
    assert ran.exit_code == 2
    assert "inventory.yaml" in ran.stderr
