"""`fleetctl inventory` and `fleetctl hosts`, as typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.fleetctl import Fleetctl
from tests.support.secrecy import keep

PLAIN = keep("plain password", "hunter2-and-more")

FLEET = """
groups:
  web: {hosts: "web[01-12]", tags: [eu]}
  db: {hosts: [db01], password: hunter2-and-more}
"""


@pytest.fixture
def fleet(fleetctl: Fleetctl) -> Path:
    """The default inventory: the one in the working directory."""
    path = fleetctl.home / "inventory.yaml"
    path.touch(mode=0o600)
    path.write_text(FLEET)
    return path


def test_check_counts_what_is_right(fleetctl: Fleetctl, fleet: Path) -> None:
    ran = fleetctl("inventory", "check")
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, "ok: 13 hosts in 2 groups\n", "")


def test_check_tells_every_mistake_with_its_place(fleetctl: Fleetctl, fleet: Path) -> None:
    fleet.write_text("hosts:\n  a: {prot: 1}\n  b: {agent: 2}\n")
    ran = fleetctl("inventory", "check", "-i", fleet)
    assert (ran.exit_code, ran.stdout) == (2, "")
    first, second = ran.stderr.splitlines()
    assert first == f"fleetctl: {fleet}:2: hosts.a.prot: unknown key; did you mean port?"
    assert second.startswith(f"fleetctl: {fleet}:3: hosts.b.agent: must be true or false")


def test_check_warns_of_secrets_that_others_can_read(fleetctl: Fleetctl, fleet: Path) -> None:
    fleet.chmod(0o644)
    ran = fleetctl("inventory", "check")
    assert ran.exit_code == 0
    assert "warning: inventory.yaml:4 group db: a plain secret" in ran.stderr
    assert PLAIN not in ran.stderr


def test_show_masks_secrets_and_names_sources(fleetctl: Fleetctl, fleet: Path) -> None:
    ran = fleetctl("inventory", "show", "db01")
    assert ran.exit_code == 0
    rows = [line.split() for line in ran.stdout.splitlines()]
    assert ["password", "***", "inventory.yaml:4", "group", "db"] in rows
    assert ["port", "22", "built-in"] in rows


def test_show_of_a_host_that_is_not_there(fleetctl: Fleetctl, fleet: Path) -> None:
    ran = fleetctl("inventory", "show", "db02")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "did you mean db01?" in ran.stderr


def test_show_wants_one_host(fleetctl: Fleetctl, fleet: Path) -> None:
    ran = fleetctl("inventory", "show", "@web")
    assert ran.exit_code == 2
    assert "12 hosts" in ran.stderr


def test_schema_is_json(fleetctl: Fleetctl) -> None:
    assert json.loads(fleetctl("inventory", "schema").stdout)["title"] == "fleetctl inventory"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("db01",), "db01\n"),
        (("-t", "web[01-02]"), "web01\nweb02\n"),
        (("web[01-02]", "db01"), "web01\nweb02\ndb01\n"),
        (("--fold",), "db01,web[01-12]\n"),
        (("--count", "@tag:eu"), "12\n"),
        (("--fold", "@web", "-x", "web0*"), "web[10-12]\n"),
        (("--fold", "-H", "extra"), "extra\n"),
        (("--fold", "-t", "@db", "-H", "extra"), "db01,extra\n"),
    ],
)
def test_hosts_lists_counts_and_folds(fleetctl: Fleetctl, fleet: Path, options: tuple[str, ...], said: str) -> None:
    ran = fleetctl("hosts", *options)
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, said, "")


def test_inventories_come_from_options_before_the_environment_before_the_directory(
    fleetctl: Fleetctl, fleet: Path, tmp_path: Path
) -> None:
    for name in ("one", "two", "three"):
        (tmp_path / name).write_text(f"hosts: [{name}]\n")
    environment = {"FLEETCTL_INVENTORY": f"{tmp_path}/one:{tmp_path}/two"}
    assert fleetctl("hosts", "--count").stdout == "13\n"
    assert fleetctl("hosts", env=environment).stdout == "one\ntwo\n"
    assert fleetctl("hosts", "-i", tmp_path / "three", "-i", tmp_path / "one", env=environment).stdout == "three\none\n"


def test_the_users_own_inventory_is_the_last_resort(fleetctl: Fleetctl) -> None:
    own = fleetctl.home / ".config" / "fleetctl"
    own.mkdir(parents=True)
    (own / "inventory.yaml").write_text("hosts: [mine]\n")
    assert fleetctl("hosts").stdout == "mine\n"
