"""Which setting wins, against a simple model; who disagrees with whom; and where a setting came from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetctl.errors import InventoryError
from fleetctl.inventory import Inventory, Overrides, load

Write = Callable[[str], Inventory]
USERS = st.none() | st.sampled_from(["ann", "bob", "cyd"])


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Inventory:
        path = tmp_path / "inventory.yaml"
        path.write_text(text)
        path.chmod(0o600)
        return load([path])

    return write


def level(user: str | None, **more: Any) -> dict[str, Any]:
    return ({} if user is None else {"user": user}) | more


@settings(max_examples=200)
@given(line=USERS, host=USERS, near=USERS, middle=USERS, outer=USERS, defaults=USERS)
def test_the_nearest_level_wins(
    tmp_path_factory: pytest.TempPathFactory,
    line: str | None,
    host: str | None,
    near: str | None,
    middle: str | None,
    outer: str | None,
    defaults: str | None,
) -> None:
    path = tmp_path_factory.getbasetemp() / "precedence.yaml"
    groups = {
        "outer": level(outer, groups=["middle"]),
        "middle": level(middle, groups=["near"]),
        "near": level(near, hosts=["web01"]),
    }
    path.write_text(yaml.safe_dump({"defaults": level(defaults), "groups": groups, "hosts": {"web01": level(host)}}))
    (resolved,) = load([path]).hosts(["web01"], Overrides(user=line))
    built_in = load([]).with_hosts(["x"]).hosts(["x"])[0].login.user
    expected = next(user for user in (line, host, near, middle, outer, defaults, built_in) if user is not None)
    assert resolved.login.user == expected


@pytest.mark.parametrize(
    ("key", "one", "other"),
    [
        ("user", "ann", "bob"),
        ("port", 22, 2222),
        ("keys", ["~/a"], ["~/b"]),
        ("agent", True, False),
        ("jump", "a@b.c", "d@e.f"),
        ("host_key_policy", "strict", "off"),
        ("connect_timeout", "5s", 6),
        ("vars", {"role": "a"}, {"role": "b"}),
        ("env", {"LANG": "C"}, {"LANG": "de"}),
        ("password", "a", {"env": "B"}),
    ],
)
def test_two_groups_equally_near_must_not_disagree(write: Write, key: str, one: Any, other: Any) -> None:
    groups = {"red": {"hosts": ["web01"], key: one}, "blue": {"hosts": ["web01"], key: other}}
    with pytest.raises(InventoryError) as raised:
        write(yaml.safe_dump({"groups": groups}, sort_keys=False))
    (problem,) = raised.value.problems
    assert "group red" in problem.message
    assert "group blue" in problem.message
    assert "web01" in problem.message
    assert problem.path.startswith(f"groups.red.{key}")
    assert problem.line > 0


def test_groups_that_say_the_same_or_are_decided_nearer_do_not_disagree(write: Write) -> None:
    inventory = write("""
groups:
  red: {hosts: [same, own], port: 22}
  blue: {hosts: [same], port: 22}
  green: {hosts: [own], port: 23}
  inner: {hosts: [nearer], port: 24}
  over: {groups: [inner], port: 25}
  above: {groups: [inner], port: 26}
hosts:
  own: {port: 27}
""")
    assert [host.port for host in inventory.hosts(["same", "own", "nearer"])] == [22, 27, 24]


def test_variables_environment_and_tags_are_put_together_over_all_levels(write: Write) -> None:
    inventory = write("""
defaults: {vars: {a: 1, b: 1}, env: {A: "1", B: "1"}, tags: [all]}
groups:
  web: {hosts: [web01], vars: {b: 2, c: 2}, env: {B: "2", C: "2"}, tags: [eu]}
hosts:
  web01: {vars: {c: 3, d: [1, {e: 2}]}, env: {C: 3}, tags: canary}
""")
    (host,) = inventory.hosts(["web01"])
    assert host.vars == {"a": 1, "b": 2, "c": 3, "d": [1, {"e": 2}]}
    assert host.env == {"A": "1", "B": "2", "C": "3"}
    assert set(host.tags) == {"all", "eu", "canary"}
    assert host.groups == ("web",)


def test_a_hosts_own_name_wins_over_a_range_that_holds_it(write: Write) -> None:
    inventory = write("""
hosts:
  web02: {port: 2002}
  web[01-03]: {port: 2000, user: www}
""")
    assert [(host.name, host.port, host.login.user) for host in inventory.hosts(inventory.names)] == [
        ("web02", 2002, "www"), ("web01", 2000, "www"), ("web03", 2000, "www"),
    ]  # fmt: skip


def test_two_ranges_that_disagree_about_a_host_are_told(write: Write) -> None:
    with pytest.raises(InventoryError, match=r"line 3 says otherwise of host web02"):
        write("""
hosts:
  web[01-02]: {port: 1}
  web[02-03]: {port: 2}
""")


def test_every_setting_says_where_it_came_from(write: Write, tmp_path: Path) -> None:
    inventory = write("""
defaults: {user: deploy}
groups:
  web: {hosts: [web01], port: 2222, vars: {role: front}}
hosts:
  web01: {agent: false, tags: [eu]}
""")
    told = {setting.key: (setting.value, setting.source) for setting in inventory.explain("web01")}
    file = tmp_path / "inventory.yaml"
    assert told["user"] == ("deploy", f"{file}:2 defaults")
    assert told["port"] == ("2222", f"{file}:4 group web")
    assert told["vars.role"] == ("front", f"{file}:4 group web")
    assert told["agent"] == ("false", f"{file}:6 host web01")
    assert told["tag"] == ("eu", f"{file}:6 host web01")
    assert told["group"] == ("web", "")
    assert told["connect_timeout"] == ("10.0", "built-in")
    assert told["known_hosts"][1] == "built-in"
    assert told["address"] == ("web01", "the host's name")


def test_secrets_are_masked_where_settings_are_explained(write: Write) -> None:
    inventory = write("hosts: {a: {password: hunter2, key_passphrase: {env: PHRASE}}}\n")
    told = {setting.key: setting.value for setting in inventory.explain("a")}
    assert told["password"] == "***"
    assert told["key_passphrase"] == "{env: PHRASE}"
    assert "hunter2" not in str(inventory.explain("a"))


def test_paths_begin_at_the_home_or_at_the_inventory(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    inventory = write("hosts: {a: {keys: [~/id, keys/id, /etc/id], known_hosts: known}}\n")
    (host,) = inventory.hosts(["a"])
    assert host.login.keys == ("/home/someone/id", f"{tmp_path}/keys/id", "/etc/id")
    assert host.known_hosts == (f"{tmp_path}/known",)


def test_bastions_of_the_inventory_bring_their_own_along(write: Write) -> None:
    inventory = write("""
defaults: {user: someone}
hosts:
  door: {address: 192.0.2.1, user: guard}
  hall: {address: 192.0.2.2, port: 2222, user: guide, jump: door}
  room: {jump: hall}
  shed: {jump: [door, "me@garden.example.com:23", "[2001:db8::1]:24"]}
""")
    room, shed = inventory.hosts(["room", "shed"])
    assert [(hop.name, hop.address, hop.port, hop.login.user) for hop in room.jump] == [
        ("door", "192.0.2.1", 22, "guard"), ("hall", "192.0.2.2", 2222, "guide"),
    ]  # fmt: skip
    assert [(hop.address, hop.port, hop.login.user) for hop in shed.jump] == [
        ("192.0.2.1", 22, "guard"), ("garden.example.com", 23, "me"), ("2001:db8::1", 24, "someone"),
    ]  # fmt: skip
