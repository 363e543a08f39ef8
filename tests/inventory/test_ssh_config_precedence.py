"""ssh_config among the places that settings come from: what wins, whose name counts, and ways through bastions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fleetctl.errors import InventoryError, SshConfigError
from fleetctl.inventory import Inventory, Overrides, load, ssh_config_sources

Both = Callable[[str, str], Inventory]


@pytest.fixture
def both(tmp_path: Path) -> Both:
    """An inventory and the ssh_config beside it."""

    def both(inventory: str, ssh_config: str) -> Inventory:
        (tmp_path / "inventory.yaml").write_text(inventory)
        (tmp_path / "cfg").write_text(ssh_config)
        return load([tmp_path / "inventory.yaml"], ssh_config_sources(tmp_path / "cfg"))

    return both


def way(inventory: Inventory, name: str, overrides: Overrides | None = None) -> list[str]:
    """The bastions on the way to a host, as `user@address:port`."""
    (host,) = inventory.places([name], overrides)
    return [f"{hop.login.user}@{hop.address}:{hop.port}" for hop in host.jump]


def test_command_line_and_inventory_win_over_ssh_config_and_that_over_what_is_built_in(both: Both) -> None:
    inventory = both(
        "defaults: {connect_timeout: 5}\ngroups: {web: {hosts: [a], port: 2}}\nhosts: {a: {bind_address: 192.0.2.1}}",
        "User joe\nPort 1\nConnectTimeout 9\nBindAddress 192.0.2.9\nServerAliveCountMax 8\nIdentitiesOnly yes\n",
    )
    (host,) = inventory.places(["a"], Overrides(user="ann"))
    assert (host.login.user, host.port, host.connect_timeout, host.bind_address) == ("ann", 2, 5.0, "192.0.2.1")
    assert (host.keepalive_count, host.login.identities_only, host.keepalive) == (8, True, 30.0)


def test_the_place_that_won_is_shown(both: Both, tmp_path: Path) -> None:
    inventory = both("hosts: {a: {port: 2}}", "Host a\n  HostName real\n  Port 1\n")
    told = {setting.key: (setting.value, setting.source) for setting in inventory.explain("a")}
    assert told["address"] == ("real", f"{tmp_path}/cfg:2 ssh_config")
    assert told["port"] == ("2", f"{tmp_path}/inventory.yaml:1 host a")
    assert told["keepalive"] == ("30.0", "built-in")


@pytest.mark.parametrize(
    ("overrides", "port"), [(Overrides(), 1), (Overrides(user="ann"), 2), (Overrides(user="bob"), 22)]
)
def test_match_user_sees_the_user_that_wins(both: Both, overrides: Overrides, port: int) -> None:
    inventory = both("hosts: {a: {user: joe}}", "Match user joe\n Port 1\nMatch user ann\n Port 2\nUser other\n")
    (host,) = inventory.places(["a"], overrides)
    assert host.port == port


def test_the_inventorys_name_is_what_patterns_are_compared_with(both: Both) -> None:
    inventory = both(
        "hosts: {a: {address: 192.0.2.1}}",
        "Host 192.0.2.1\n Port 1\nHost a\n HostName other\n Port 2\nMatch host 192.0.2.1\n IdentityFile /k_%h_%n\n",
    )
    (host,) = inventory.places(["a"])
    assert (host.address, host.port, host.login.keys) == ("192.0.2.1", 2, ("/k_192.0.2.1_a",))


def test_a_host_named_on_the_command_line_is_reached_as_ssh_reaches_it(both: Both) -> None:
    inventory = both("{}", "Host a\n HostName 192.0.2.7\n User joe\n Port 7\n").with_hosts(["a", "ann@b:8"])
    a, b = inventory.places(["a", "b"])
    assert (a.name, a.address, a.login.user, a.port) == ("a", "192.0.2.7", "joe", 7)
    assert (b.address, b.login.user, b.port) == ("b", "ann", 8)


@pytest.mark.parametrize(
    ("stated", "proxy_command", "jump"),
    [
        ("{}", "via a.example.com 7 joe a %", []),
        ("{jump: b.c}", "", ["joe@b.c:7"]),
        ("{jump: []}", "", []),
        ("{proxy_command: nc %h}", "nc a.example.com", []),
        ("{proxy_command: nc %k, host_key_alias: b}", "nc b", []),
    ],
)
def test_a_way_in_the_inventory_puts_the_one_of_ssh_config_aside(
    both: Both, stated: str, proxy_command: str, jump: list[str]
) -> None:
    text = "Host a\n HostName %h.example.com\n ProxyCommand via %h %p %r %n %%\nHost *\n User joe\n Port 7\n"
    inventory = both(f"hosts: {{a: {stated}}}", text)
    (host,) = inventory.places(["a"])
    assert host.proxy_command == proxy_command
    assert way(inventory, "a") == jump
    (overridden,) = inventory.places(["a"], Overrides(jump=("x.y",)))
    assert overridden.proxy_command == ""


def test_a_user_who_would_be_more_than_a_word_is_kept_out_of_a_proxy_command(both: Both) -> None:
    inventory = both('hosts: {a: {user: "joe;id"}}', "ProxyCommand via %r %h\n")
    with pytest.raises(SshConfigError, match="which a shell would take for more than a word"):
        inventory.places(["a"])
    inventory = both('hosts: {a: {user: "joe;id", proxy_command: "via %r"}}', "")
    with pytest.raises(InventoryError, match=r"inventory.yaml:1: .*proxy_command: %r is 'joe;id'"):
        inventory.places(["a"])


def test_bastions_of_ssh_config_may_be_its_aliases_or_hosts_of_the_inventory(both: Both) -> None:
    inventory = both(
        "hosts: {a: {}, b: {}, door: {address: 192.0.2.1, user: guard}}",
        "Host a\n ProxyJump door\nHost b\n ProxyJump me@hall:23\nHost hall\n HostName 192.0.2.2\n ProxyJump gate\n"
        "Host gate\n HostName 192.0.2.3\n Port 24\nHost *\n User joe\n",
    )
    assert way(inventory, "a") == ["guard@192.0.2.1:22"]
    assert way(inventory, "b") == ["joe@192.0.2.3:24", "me@192.0.2.2:23"]


def test_a_user_or_a_port_before_and_behind_a_bastions_name_leaves_its_other_settings(both: Both) -> None:
    inventory = both(
        "defaults: {user: joe}\nhosts: {a: {}, door: {address: 192.0.2.1, port: 2222, jump: me@gate}}",
        "Host gate\n HostName 192.0.2.3\n Port 24\n",
    )
    assert way(inventory, "a", Overrides(jump=("me@door",))) == ["me@192.0.2.3:24", "me@192.0.2.1:2222"]
    assert way(inventory, "a", Overrides(jump=("gate", "door:23"))) == [
        "joe@192.0.2.3:24",
        "me@192.0.2.3:24",
        "joe@192.0.2.1:23",
    ]


def test_the_inventory_may_jump_through_an_alias_of_ssh_config(both: Both) -> None:
    text = "Host gate\n HostName 192.0.2.3\n"
    assert way(both("hosts: {a: {jump: gate}}", text), "a")[0].endswith("@192.0.2.3:22")
    with pytest.raises(InventoryError, match="no such host: gaet"):
        both("hosts: {a: {jump: gaet}}", text)


@pytest.mark.parametrize("inventory", ["hosts: [a, bastion]", "hosts: [a]"])
def test_a_bastion_of_all_hosts_is_reached_without_itself(both: Both, inventory: str) -> None:
    read = both(inventory, "Host bastion\n HostName 192.0.2.1\nHost *\n User joe\n ProxyJump me@bastion\n")
    read = read.with_hosts(["bastion"])
    assert way(read, "a") == ["me@192.0.2.1:22"]
    assert way(read, "bastion") == []


def test_in_a_chain_each_bastion_is_reached_through_the_one_before(both: Both) -> None:
    read = both("hosts: [a, b, c]", "Host *\n User joe\n ProxyJump b,c\n")
    assert way(read, "a") == ["joe@b:22", "joe@c:22"]
    assert way(read, "c") == ["joe@b:22"]
    assert way(read, "b") == []


@pytest.mark.parametrize("hosts", ["hosts: [a, b]", "hosts: {a: {jump: b}, b: {}}", "hosts: [a]"])
def test_a_circle_of_jumps_is_told_though_only_ssh_config_closes_it(both: Both, hosts: str) -> None:
    read = both(hosts, "Host a\n ProxyJump b\nHost b\n ProxyJump a\n")
    with pytest.raises(InventoryError, match=r"jumps go in a circle: a → b → a; give b `\w+.* to end it"):
        read.places(["a"])


def test_a_circle_is_told_though_users_are_named_on_its_way(both: Both) -> None:
    read = both("hosts: {a: {jump: me@b}, b: {jump: me@a}}", "")
    with pytest.raises(InventoryError, match=r"jumps go in a circle: a → b → a; give b `jump: \[\]` to end it"):
        read.places(["a"])


def test_a_bastion_of_the_command_line_is_reached_without_itself(both: Both) -> None:
    read = both("hosts: [a, b]", "Host *\n User joe\n")
    line = Overrides(jump=("b",))
    assert (way(read, "a", line), way(read, "b", line)) == (["joe@b:22"], [])


def test_variables_to_send_travel_with_the_host_but_for_secrets(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_A", "one")
    monkeypatch.setenv("FLEET_SECRET", "s3cret")
    inventory = both(
        "hosts: {a: {password: {env: FLEET_SECRET}}}",
        'SendEnv FLEET_*\nSetEnv FLEET_B="two words"\nMatch exec "test -z $FLEET_SECRET"\n Port 7\n',
    )
    (host,) = inventory.places(["a"])
    assert (host.send_env, host.port) == ({"FLEET_A": "one", "FLEET_B": "two words"}, 7)


def test_files_are_read_when_the_first_host_is_resolved(both: Both) -> None:
    inventory = both("hosts: [a]\ngroups: {g: {hosts: [a], tags: [t], vars: {v: 1}}}", "Port x\n")
    assert inventory.select("@g&@tag:t&@var:v=1") == ["a"]
    with pytest.raises(SshConfigError, match="cfg:1: Port: 'x' is no port"):
        inventory.places(["a"])


def test_thousands_of_hosts_against_hundreds_of_blocks_are_resolved(both: Both) -> None:
    blocks = "".join(f"Host web{number:04}\n Port {2000 + number}\n" for number in range(0, 5000, 10))
    inventory = both("hosts: web[0000-4999]", f"{blocks}Host web*5\n User five\nHost *\n User joe\n")
    hosts = inventory.places(inventory.names)
    assert [host.port for host in hosts] == [2000 + n if n % 10 == 0 else 22 for n in range(5000)]
    assert {host.login.user for host in hosts if host.name.endswith("5")} == {"five"}
