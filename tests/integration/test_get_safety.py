"""What `fleetctl get` must never do here: go through links, delete what another host brought, spoil what it leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.fleetctl import Fleetctl
from tests.support.trees import LONG_AGO, age, names, plant, texts


@pytest.mark.parametrize("source", ["a", "sub/", "t"])
def test_a_host_directory_that_is_a_link_is_not_gone_through(
    fleetctl: Fleetctl, one: Path, far: Path, here: Path, source: str
) -> None:
    plant(far, {"a": "A", "sub/b": "B", **{f"t/{n}": str(n) for n in range(40)}})
    plant(here, {"elsewhere/": "", "out/h001": "-> ../elsewhere"})
    ran = fleetctl("get", "-r", "-i", one, f"{far}/{source}", here / "out")
    assert ran.exit_code == 1
    assert "h001" in ran.stderr
    assert names(here / "elsewhere") == []


def test_local_itself_may_be_a_link(fleetctl: Fleetctl, one: Path, far: Path, here: Path) -> None:
    plant(far, {"a": "A"})
    plant(here, {"elsewhere/": "", "out": "-> elsewhere"})
    ran = fleetctl("get", "-i", one, far / "a", here / "out")
    assert (ran.exit_code, texts(here / "elsewhere")) == (0, {"h001/a": "A"}), ran.stderr


def test_delete_leaves_what_other_hosts_brought(fleetctl: Fleetctl, three: Path, far: Path, here: Path) -> None:
    plant(far, {"app/a": "A", "app/sub/b": "B"})
    words = ("get", "-r", "--delete", "-y", "--as", "{name}/{host}", "-i", three, far / "app", here)
    brought = {f"app/h00{n}/{name}": name[-1].upper() for n in (1, 2, 3) for name in ("a", "sub/b")}
    for _ in range(2):
        ran = fleetctl(*words)
        assert (ran.exit_code, texts(here)) == (0, brought), ran.stderr
    plant(here, {"app/h002/sub/old": "", "app/h002/old": "", "app/mine": "M"})
    assert fleetctl(*words).exit_code == 0
    assert texts(here) == brought | {"app/mine": "M"}


def test_delete_counts_excluded_paths_from_the_top_of_the_tree(
    fleetctl: Fleetctl, one: Path, far: Path, here: Path
) -> None:
    plant(far, {"app/sub/b": "B"})
    plant(here, {"app/h001/sub/x.bak": "kept", "app/h001/sub/y": "deleted"})
    ran = fleetctl(
        "get", "-r", "--delete", "-y", "--exclude", "sub/*.bak", "--as", "{name}/{host}", "-i", one, far / "app", here
    )
    assert (ran.exit_code, texts(here)) == (0, {"app/h001/sub/b": "B", "app/h001/sub/x.bak": "kept"}), ran.stderr


def test_p_leaves_directories_alone_that_no_host_has(fleetctl: Fleetctl, one: Path, far: Path, here: Path) -> None:
    plant(far, {"app/a": "A"})
    age(plant(here, {"app/": ""}) / "app", LONG_AGO)
    (here / "app").chmod(0o700)
    ran = fleetctl("get", "-r", "-p", "--as", "{name}/{host}/deep", "-i", one, far / "app", here)
    assert ran.exit_code == 0, ran.stderr
    assert (here / "app").stat().st_mode & 0o777 == 0o700
    for made in (here / "app", here / "app" / "h001"):
        assert made.stat().st_mtime > LONG_AGO


def test_a_backup_that_cannot_be_made_leaves_nothing_unfinished(
    fleetctl: Fleetctl, one: Path, far: Path, here: Path
) -> None:
    plant(far, {"a": "new", "b": "new", "l/link": "-> b", "l/b": "new"})
    plant(here / "h001", {"a": "old", "b": "old", "a~/": "", "l/link": "-> nowhere", "l/link~/": ""})
    ran = fleetctl("get", "-r", "--backup", "-i", one, far / "a", far / "b", far / "l", here)
    assert ran.exit_code == 1
    assert texts(here / "h001") == {"a": "old", "b": "new", "b~": "old", "l/b": "new"}
    assert names(here / "h001") == ["a", "a~", "b", "b~", "l", "l/b", "l/link", "l/link~"]
