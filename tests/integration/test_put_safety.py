"""What `fleetctl put` must never do on a host, on a real sshd: lose, show or delete what is not its own to."""

from __future__ import annotations

from pathlib import Path

from tests.support.fleetctl import Fleetctl
from tests.support.trees import plant, texts


def test_nothing_is_deleted_through_a_link(fleetctl: Fleetctl, one: Path, here: Path, far: Path) -> None:
    plant(here, {"t/sub/deep/x": "x", "t/y": "y"})
    plant(far, {"precious/a": "a", "precious/deep/b": "b", "t/sub": "-> ../precious", "t/old": "old"})
    ran = fleetctl("put", "-r", "-y", "--delete", "-i", one, here / "t", far)
    assert ran.exit_code == 0, ran.stderr
    kept = {"precious/a": "a", "precious/deep/b": "b"}
    assert texts(far) == kept | {"precious/deep/x": "x", "t/y": "y"}
    ran = fleetctl("put", "-r", "-y", "--delete", "-i", one, f"{here}/t/", far / "t")
    assert texts(far) == kept | {"precious/deep/x": "x", "t/y": "y"}
