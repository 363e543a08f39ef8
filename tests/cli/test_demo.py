"""`fleetctl demo`: the tool at work for someone who has no server, and nothing left behind."""

from __future__ import annotations

from pathlib import Path

from tests.support import processes
from tests.support.fleetctl import Fleetctl


def test_a_newcomer_sees_a_fleet_answer(fleetctl: Fleetctl, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    ran = fleetctl("demo", "--hosts", "4", env={"TMPDIR": str(scratch), "DEMO_MARK": str(scratch)})
    assert ran.exit_code == 0, ran.stderr
    assert "$ fleetctl run df" in ran.stdout
    for name in ("lab01", "lab02", "lab03", "lab04"):
        assert f"{name}: Filesystem" in ran.stdout
    assert "lab[01-02] (2)" in ran.stdout
    assert "lab01: 1 file, 34 bytes sent" in ran.stdout
    assert ran.stderr.count("4 ok") == 3
    assert list(scratch.iterdir()) == []
    assert processes.with_variable(f"DEMO_MARK={scratch}") == []
    assert list(fleetctl.home.iterdir()) == []
