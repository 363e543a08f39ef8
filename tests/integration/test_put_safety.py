"""What `fleetctl put` must never do on a host, on a real sshd: lose, show or delete what is not its own to."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.fleetctl import Fleetctl
from tests.support.trees import LONG_AGO, age, names, plant, texts

MIB = 1024 * 1024
MANY = {f"t/{number:02}": os.urandom(20_000) for number in range(40)}
HOUR = 3600


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_nothing_is_deleted_through_a_link(fleetctl: Fleetctl, one: Path, here: Path, far: Path) -> None:
    plant(here, {"t/sub/deep/x": "x", "t/y": "y"})
    plant(far, {"precious/a": "a", "precious/deep/b": "b", "t/sub": "-> ../precious", "t/old": "old"})
    ran = fleetctl("put", "-r", "-y", "--delete", "-i", one, here / "t", far)
    assert ran.exit_code == 0, ran.stderr
    kept = {"precious/a": "a", "precious/deep/b": "b"}
    assert texts(far) == kept | {"precious/deep/x": "x", "t/y": "y"}
    ran = fleetctl("put", "-r", "-y", "--delete", "-i", one, f"{here}/t/", far / "t")
    assert texts(far) == kept | {"precious/deep/x": "x", "t/y": "y"}


@pytest.mark.parametrize("via", ["sftp", "tar"])
def test_a_larger_file_in_place_of_a_source_is_no_growth(
    fleetctl: Fleetctl, one: Path, here: Path, far: Path, via: str
) -> None:
    """Its beginning would be neither the one nor the other."""
    plant(here, {"t/a": b"a" * 6_000_000, "t/b": b"o" * 400_000, "new": b"n" * 500_000})
    words = ("put", "-r", "--via", via, "--limit", "2MB/s", "-o", "ndjson", "-i", one, here / "t", far)
    with fleetctl.start(*words) as running:
        running.wait_for('"bytes":1')
        (here / "new").replace(here / "t" / "b")
        ran = running.finish()
    assert ran.exit_code == 1
    assert "was changed since the run began" in ran.stdout
    assert not (far / "t" / "b").exists()


def test_what_changes_while_tar_reads_it_does_not_arrive(fleetctl: Fleetctl, one: Path, here: Path, far: Path) -> None:
    plant(here, {"t/a": b"a" * 3_000_000})
    words = ("put", "-r", "--via", "tar", "--limit", "2MB/s", "-o", "ndjson", "-i", one, here / "t", far)
    with fleetctl.start(*words) as running:
        running.wait_for('"bytes":1')
        age(here / "t" / "a")
        ran = running.finish()
    assert (ran.exit_code, names(far)) == (1, [])


@pytest.mark.parametrize("options", [(), ("-p",)])
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_private_directory_is_never_open_to_others(
    fleetctl: Fleetctl, one: Path, here: Path, far: Path, options: tuple[str, ...], slash: str
) -> None:
    plant(here, MANY)
    (here / "t").chmod(0o700)
    more = (*options, "--via", "tar", "--limit", "400kB/s", "-o", "ndjson")
    with fleetctl.start("put", "-r", *more, "-i", one, f"{here}/t{slash}", far / "new") as running:
        seen = []
        for bytes_moved in (r'"bytes":[1-9]', r'"bytes":[3-9]\d{5}'):
            running.wait_for_match(bytes_moved)
            seen += [mode(path) for path in far.iterdir()]
        ran = running.finish()
    assert ran.exit_code == 0, ran.stderr
    assert seen == [0o700, 0o700]
    assert mode(far / "new") == 0o700
    assert len(names(far / "new")) == 40


def test_contents_of_a_private_directory_stay_private_by_sftp_too(
    fleetctl: Fleetctl, one: Path, here: Path, far: Path
) -> None:
    plant(here, {"t/key": "secret"})
    (here / "t").chmod(0o700)
    assert fleetctl("put", "-r", "-i", one, f"{here}/t/", far / "new").exit_code == 0
    assert mode(far / "new") == 0o700


@pytest.mark.parametrize("bits", [0o444, 0o400, 0o555, 0o640])
def test_a_mode_without_the_right_to_write_is_kept(
    fleetctl: Fleetctl, one: Path, here: Path, far: Path, bits: int
) -> None:
    plant(here, {"a": "a"})
    (here / "a").chmod(bits)
    for via in ("sftp", "tar"):
        assert fleetctl("put", "--via", via, "-i", one, here / "a", far / via).exit_code == 0
        assert mode(far / via) == bits


@pytest.fixture
def large(here: Path) -> Path:
    plant(here, {"big": os.urandom(MIB) * 12})
    return age(here / "big")


def part(far: Path, large: Path, *, seconds: int, mode: int = 0o644) -> Path:
    """What a transfer left of a large file, so long ago."""
    name = f".big.{12 * MIB}-{LONG_AGO}.01234567.part"
    plant(far, {name: large.read_bytes()[: 10 * MIB]})
    (far / name).chmod(mode)
    return age(far / name, int(time.time()) - seconds)


@pytest.mark.parametrize("old", [0o666, 0o444])
def test_a_part_is_as_private_as_the_file_is_now(
    fleetctl: Fleetctl, one: Path, large: Path, far: Path, old: int
) -> None:
    part(far, large, seconds=HOUR, mode=old)
    large.chmod(0o600)
    ran = fleetctl("put", "--resume", "-o", "json", "-i", one, large, far)
    assert ran.exit_code == 0, ran.stderr
    assert ran.json["hosts"][0]["totals"]["bytes"] == 10 * MIB
    assert (names(far), mode(far / "big")) == (["big"], 0o600)


def test_a_part_gets_what_the_umask_there_leaves(fleetctl: Fleetctl, one: Path, large: Path, far: Path) -> None:
    part(far, large, seconds=HOUR, mode=0o600)
    large.chmod(0o666)
    assert fleetctl("put", "-i", one, large, far / "fresh").exit_code == 0
    assert fleetctl("put", "--resume", "-i", one, large, far).exit_code == 0
    assert mode(far / "big") == mode(far / "fresh")


def test_what_another_transfer_has_under_way_is_left_to_it(
    fleetctl: Fleetctl, one: Path, large: Path, far: Path
) -> None:
    words = ("put", "-i", one, large, far / "big")
    with fleetctl.start("put", "--limit", "1MB/s", "-o", "ndjson", *words[1:]) as running:
        running.wait_for('"bytes":1')
        ran = fleetctl(*words)
        assert ran.exit_code == 0, ran.stderr
        assert len(names(far)) == 2  # the file, and the part of the other
        ran = running.finish()
    assert ran.exit_code == 0, ran.stdout
    assert names(far) == ["big"]


@contextmanager
def written_to(path: Path) -> Iterator[None]:
    """Somebody writes to a file until the block ends, several times a second."""
    over = threading.Event()

    def write() -> None:
        while path.exists() and not over.wait(0.1):
            os.utime(path)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        over.set()
        writer.join(10)


def test_nothing_goes_on_from_a_part_that_is_written_to(fleetctl: Fleetctl, one: Path, large: Path, far: Path) -> None:
    live = part(far, large, seconds=0)
    with written_to(live):
        ran = fleetctl("put", "--resume", "-o", "ndjson", "-i", one, large, far)
    assert ran.exit_code == 0, ran.stdout
    assert names(far) == [live.name, "big"]
    assert f'"bytes":{12 * MIB}' in ran.stdout


def test_a_part_that_was_left_just_now_is_gone_on_from(fleetctl: Fleetctl, one: Path, large: Path, far: Path) -> None:
    part(far, large, seconds=0)
    ran = fleetctl("put", "--resume", "-o", "json", "-i", one, large, far)
    assert ran.exit_code == 0, ran.stderr
    assert ran.json["hosts"][0]["totals"]["bytes"] == 10 * MIB
    assert names(far) == ["big"]


def test_a_part_that_is_young_is_not_cleaned_away(fleetctl: Fleetctl, one: Path, large: Path, far: Path) -> None:
    young = part(far, large, seconds=60)
    assert fleetctl("put", "-i", one, large, far).exit_code == 0
    assert names(far) == [young.name, "big"]
    age(young, int(time.time()) - 300)
    assert fleetctl("put", "-i", one, large, far).exit_code == 0
    assert names(far) == ["big"]


@pytest.mark.parametrize("destination", ["new", "", "new/"])
def test_a_directory_that_tar_left_is_removed_by_the_next_run(
    fleetctl: Fleetctl, one: Path, here: Path, far: Path, destination: str
) -> None:
    name = destination.rstrip("/") or "t"
    left = f".{name}.0-0.01234567.part"
    plant(here, MANY)
    plant(far, {f"{left}/deep/x": "x", ".other.0-0.01234567.part/x": "x"})
    source = f"{here}/t/" if destination.endswith("/") else f"{here}/t"
    words = ("put", "-r", "-i", one, source, far / destination)
    age(far / left, int(time.time()) - HOUR)
    assert fleetctl(*words).exit_code == 0
    assert (far / left / "deep" / "x").exists()  # it may be under way
    age(far / left, int(time.time()) - 25 * HOUR)
    if destination != "":
        for path in (far / name).iterdir():
            path.unlink()
        (far / name).rmdir()
    assert fleetctl(*words).exit_code == 0
    assert not (far / left).exists()
    assert (far / ".other.0-0.01234567.part" / "x").exists()
    assert len(names(far / name)) == 40
