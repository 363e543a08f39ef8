"""Several files: hosts and groups add up, a later setting wins at the same level, paths begin at their own file."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleetctl.inventory import find_default, load

BASE = """
default_target: "@web"
defaults: {user: deploy, keys: keys/base}
groups:
  web: {hosts: [web01], port: 22, tags: [eu]}
hosts:
  web01: {agent: false, vars: {role: front, size: 1}}
"""
SITE = """
defaults: {user: site, known_hosts: known}
groups:
  web: {hosts: [web02], port: 2222}
  db: {hosts: [db01]}
hosts:
  web01: {vars: {size: 2}}
"""


def test_files_are_put_together_and_the_later_one_wins(tmp_path: Path) -> None:
    for name, content in (("base", BASE), ("site", SITE)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "inventory.yaml").write_text(content)
    inventory = load([tmp_path / "base" / "inventory.yaml", tmp_path / "site" / "inventory.yaml"])
    assert inventory.names == ("web01", "web02", "db01")
    assert inventory.group_names == ("web", "db")
    assert inventory.select() == ["web01", "web02"]
    host = inventory.hosts(["web01"])[0]
    assert (host.login.user, host.port, host.login.agent) == ("site", 2222, False)
    assert host.vars == {"role": "front", "size": 2}
    assert host.tags == ("eu",)
    assert host.login.keys == (f"{tmp_path}/base/keys/base",)
    assert host.known_hosts == (f"{tmp_path}/site/known",)


def test_the_other_way_round_the_other_one_wins(tmp_path: Path) -> None:
    (tmp_path / "base").write_text(BASE)
    (tmp_path / "site").write_text(SITE)
    (host,) = load([tmp_path / "site", tmp_path / "base"]).hosts(["web01"])
    assert (host.login.user, host.port, host.vars["size"]) == ("deploy", 22, 1)


def test_a_nearer_level_wins_whatever_the_file(tmp_path: Path) -> None:
    (tmp_path / "base").write_text("hosts: {a: {port: 1}}\n")
    (tmp_path / "site").write_text("defaults: {port: 2}\ngroups: {g: {hosts: [a], port: 3}}\n")
    (host,) = load([tmp_path / "base", tmp_path / "site"]).hosts(["a"])
    assert host.port == 1


def test_the_default_files_are_looked_for_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "config"
    (config / "fleetctl").mkdir(parents=True)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(config))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FLEETCTL_INVENTORY", raising=False)
    assert find_default() == []
    (config / "fleetctl" / "inventory.yaml").touch()
    assert find_default() == [config / "fleetctl" / "inventory.yaml"]
    (tmp_path / "inventory.yaml").touch()
    assert find_default() == [Path("inventory.yaml")]
    monkeypatch.setenv("FLEETCTL_INVENTORY", "/a.yaml:b.yaml")
    assert find_default() == [Path("/a.yaml"), Path("b.yaml")]
