"""Ten thousand hosts, in fifty groups or strewn about: as right as ten. How fast that is, the benchmarks tell."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from fleetctl.errors import InventoryError
from fleetctl.inventory import jumps, load
from fleetctl.nodes import expand, fold

ADDRESSES = [f"10.{x}.{y}.{z}" for x in range(40) for y in range(40) for z in range(40)]
RACKS = [f"r{rack:02}c{chassis:02}n{node:02}.dc{rack % 3}" for rack in range(40) for chassis in range(40)
         for node in range(40)]  # fmt: skip


def test_ten_thousand_hosts_are_loaded_selected_and_resolved(tmp_path: Path) -> None:
    lines = ["groups:"]
    for group in range(50):
        lines += [f"  g{group}:", f"    tags: [t{group % 5}]", f"    user: u{group}", "    hosts:"]
        lines += [
            f"      g{group}h{host:03}: {{address: 10.{group}.0.{host}, port: {2000 + host}}}" for host in range(200)
        ]
    path = tmp_path / "inventory.yaml"
    path.write_text("\n".join(lines))
    inventory = load([path])
    assert len(inventory.names) == 10_000
    selected = inventory.select("@tag:t1!@g6,g49h[000-009]")
    assert len(selected) == 9 * 200 + 10
    host = inventory.hosts(selected)[-1]
    assert (host.name, host.address, host.port, host.login.user) == ("g49h009", "10.49.0.9", 2009, "u49")


@pytest.mark.parametrize("names", [ADDRESSES, RACKS], ids=["addresses", "racks"])
def test_names_with_many_numbers_need_form_no_rectangle(tmp_path: Path, names: list[str]) -> None:
    strewn = random.Random(1).sample(names, 10_000)
    path = tmp_path / "inventory.yaml"
    path.write_text("\n    - ".join(["groups:\n  g:\n    tags: t\n    hosts:", *strewn]))
    inventory = load([path])
    assert inventory.select("@g") == strewn
    assert inventory.select(",".join(strewn)) == strewn
    assert inventory.select("@tag:t&*1*", exclude=[f"@g&{strewn[0]}"]) == [name for name in strewn[1:] if "1" in name]
    assert sorted(expand(fold(strewn))) == sorted(strewn)


@pytest.mark.parametrize(
    "given",
    [
        "defaults: {jump: [basiton, 'a@b@c']}\nhosts: h[001-300]",
        "hosts: {'h[001-150]': {jump: basiton}, 'h[151-300]': {jump: basiton}}",
    ],
)
def test_a_bastion_that_is_not_there_is_looked_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    asked = []

    def did_you_mean(word: str, _: object) -> str:
        asked.append(word)
        return ""

    monkeypatch.setattr(jumps, "did_you_mean", did_you_mean)
    path = tmp_path / "inventory.yaml"
    path.write_text(given)
    with pytest.raises(InventoryError) as raised:
        load([path])
    assert len(raised.value.problems) == 2
    assert asked == ["basiton"]
