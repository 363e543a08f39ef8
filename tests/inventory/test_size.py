"""Ten thousand hosts in fifty groups: as right as ten. How fast that is, the benchmarks tell."""

from __future__ import annotations

from pathlib import Path

from fleetctl.inventory import load


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
