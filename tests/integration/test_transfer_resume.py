"""Transfers that are cut off: nothing half under its name, a part that says what it is of, and going on from it."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.broken import cutting_relay
from tests.support.fleetctl import Fleetctl
from tests.support.sshd import Sshd, SshdStarter
from tests.support.trees import LONG_AGO, age, give, names, parts, plant, texts

MIB = 1024 * 1024
SIZE = 40 * MIB
NEVER = 1 << 62
PART = f".sparse.{{}}-{LONG_AGO}.01234567.part"

Cut = Callable[..., None]


@pytest.fixture
def content() -> bytes:
    """So much that what is sent again, for safety, is a small part of it."""
    return os.urandom(MIB) * (SIZE // MIB)


@pytest.fixture
def cut(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> Cut:
    """Run a command that loses its connection after so many bytes."""

    def run(*words: str | Path, after: int = NEVER, sent: int = NEVER) -> None:
        with cutting_relay(("127.0.0.1", sshd.port), after, sent=sent) as port:
            directory = tmp_path / f"relay-{port}"
            directory.mkdir()
            inventory = replace(sshd, port=port).inventory(directory, 1)
            inventory.write_text(inventory.read_text().replace("127.0.1.1", "127.0.0.1"))
            known = directory / "known_hosts"
            known.write_text(known.read_text().replace("127.0.1.1", "127.0.0.1"))
            ran = fleetctl(words[0], "-o", "json", "-i", inventory, *words[1:])
        (host,) = ran.json["hosts"]
        assert (ran.exit_code, host["status"]) == (3, "unreachable"), ran.stderr

    return run


def test_put_goes_on_where_it_was_cut_off(
    fleetctl: Fleetctl, one: Path, here: Path, far: Path, cut: Cut, content: bytes
) -> None:
    plant(here, {"big": content})
    age(here / "big")
    cut("put", here / "big", far, sent=SIZE * 3 // 4)
    (part,) = parts(far)
    assert re.fullmatch(rf"\.big\.{SIZE}-{LONG_AGO}\.[0-9a-f]{{8}}\.part", part)
    assert names(far) == [part]
    ran = fleetctl("put", "--resume", "-o", "json", "-i", one, here / "big", far)
    assert ran.exit_code == 0, ran.stderr
    assert SIZE // 4 < ran.json["hosts"][0]["totals"]["bytes"] < SIZE * 3 // 4
    assert names(far) == ["big"]
    assert (far / "big").read_bytes() == content


def test_get_goes_on_where_it_was_cut_off(
    fleetctl: Fleetctl, one: Path, here: Path, far: Path, cut: Cut, content: bytes
) -> None:
    plant(far, {"big": content})
    age(far / "big")
    cut("get", far / "big", here, after=SIZE * 3 // 4)
    (part,) = parts(here)
    assert re.fullmatch(rf"h001/\.big\.{SIZE}-{LONG_AGO}\.[0-9a-f]{{8}}\.part", part)
    ran = fleetctl("get", "--resume", "-o", "json", "-i", one, far / "big", here)
    assert ran.exit_code == 0, ran.stderr
    assert SIZE // 4 < ran.json["hosts"][0]["totals"]["bytes"] < SIZE * 3 // 4
    assert names(here / "h001") == ["big"]
    assert (here / "h001" / "big").read_bytes() == content


def test_many_names_of_one_machine_do_not_go_on_from_the_same_part(
    fleetctl: Fleetctl, three: Path, here: Path, far: Path, content: bytes
) -> None:
    plant(here, {"big": content})
    age(here / "big")
    plant(far, {f".big.{SIZE}-{LONG_AGO}.0123456{n}.part": content[: SIZE // 2] for n in range(2)})
    for name in parts(far):
        age(far / name)
    ran = fleetctl("put", "--resume", "-i", three, here / "big", far)
    assert ran.exit_code == 0, ran.stderr
    assert names(far) == ["big"]
    assert (far / "big").read_bytes() == content


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("command", ["put", "get"])
def test_no_file_is_half_there_wherever_it_is_cut(
    fleetctl: Fleetctl, one: Path, here: Path, far: Path, cut: Cut, command: str, fraction: float
) -> None:
    files = {f"t/{n:03}": f"{n:03}" * 10_000 for n in range(100)}
    total = int(sum(map(len, files.values())) * fraction)
    for via in ("sftp", "tar"):
        if command == "put":
            plant(here, files)
            cut("put", "-r", "--via", via, here / "t", far, sent=total)
            arrived = far
        else:
            plant(far, files)
            cut("get", "-r", "--via", via, far / "t", here / via, after=total)
            arrived = here / via / "h001"
        whole = {
            name: text for name, text in texts(arrived).items() if not name.endswith(".part") and ".part/" not in name
        }
        assert whole.items() <= files.items()
    if command == "put":
        for name in parts(far):
            age(far / name)
        again = fleetctl("put", "-r", "--resume", "-i", one, here / "t", far)
        assert again.exit_code == 0, again.stderr
        assert {name: text for name, text in texts(far).items() if not name.startswith(".")} == files


def test_a_part_of_another_version_is_not_used(
    fleetctl: Fleetctl, one: Path, here: Path, far: Path, content: bytes
) -> None:
    other = b"x" * SIZE
    plant(here, {"big": content})
    age(here / "big")
    old = {
        f".big.{SIZE}-{LONG_AGO + 1}.01234567.part": other,
        f".big.{SIZE + 1}-{LONG_AGO}.01234567.part": other,
    }
    plant(far, old | {f".bigger.{SIZE}-{LONG_AGO}.01234567.part": "of another file"})
    for name in parts(far):
        age(far / name)
    ran = fleetctl("put", "--resume", "-o", "json", "-i", one, here / "big", far)
    assert ran.json["hosts"][0]["totals"]["bytes"] == SIZE
    assert (far / "big").read_bytes() == content
    assert parts(far) == [f".bigger.{SIZE}-{LONG_AGO}.01234567.part"]
    give(here, far)
    for name, data in old.items():
        age(plant(here / "out" / "h001", {name: data}) / name)
    ran = fleetctl("get", "--resume", "-p", "-o", "json", "-i", one, far / "big", here / "out")
    assert ran.json["hosts"][0]["totals"]["bytes"] == SIZE
    assert names(here / "out" / "h001") == ["big"]


@pytest.mark.parametrize("command", ["put", "get"])
def test_a_part_that_is_no_beginning_is_found_out(
    fleetctl: Fleetctl, one: Path, here: Path, far: Path, content: bytes, command: str
) -> None:
    """It bears the right name and holds something else."""
    part = {f".big.{SIZE}-{LONG_AGO}.01234567.part": b"x" * (SIZE - 1)}
    source, target = (here, far) if command == "put" else (far, here / "h001")
    plant(source, {"big": content})
    age(source / "big")
    plant(target, part)
    words = (here / "big", far) if command == "put" else (far / "big", here)
    ran = fleetctl(command, "--resume", "-o", "json", "-i", one, *words)
    assert (ran.exit_code, ran.json["hosts"][0]["error"]["code"]) == (1, "digest-mismatch")
    assert names(target) == []
    assert fleetctl(command, "--resume", "-i", one, *words).exit_code == 0
    assert (target / "big").read_bytes() == content


@pytest.mark.parametrize("command", ["put", "get"])
def test_an_ordinary_run_starts_anew_and_cleans_up(
    fleetctl: Fleetctl, one: Path, here: Path, far: Path, command: str
) -> None:
    part = {".big.3-1500000000.01234567.part": "x", ".big.9-9.89abcdef.part": "x", ".other.1-1.01234567.part": "x"}
    source, target = (here, far) if command == "put" else (far, here / "h001")
    plant(source, {"big": "new"})
    age(source / "big")
    plant(target, part)
    for name in part:
        age(target / name)
    words = (here / "big", far) if command == "put" else (far / "big", here)
    assert fleetctl(command, "-i", one, *words).exit_code == 0
    assert texts(target) == {"big": "new", ".other.1-1.01234567.part": "x"}


@pytest.mark.parametrize("command", ["put", "get"])
def test_ctrl_c_leaves_a_part_and_no_file(fleetctl: Fleetctl, one: Path, here: Path, far: Path, command: str) -> None:
    source, target = (here, far) if command == "put" else (far, here / "h001")
    plant(source, {"big": b"x" * 9_000_000})
    plant(target, {"old": "stays"})
    words = (here / "big", far) if command == "put" else (far / "big", here)
    with fleetctl.start(command, "--limit", "2MB/s", "-o", "ndjson", "-i", one, *words) as running:
        running.wait_for('"bytes":1')
        running.signal(signal.SIGINT)
        ran = running.finish()
    assert ran.exit_code == 130
    assert [name for name in names(target) if not name.endswith(".part")] == ["old"]


@pytest.fixture
def only_sftp(start_sshd: SshdStarter, tmp_path: Path) -> Path:
    """An inventory of a host that runs no commands, so that it can tell no digests either."""
    directory = tmp_path / "only-sftp"
    directory.mkdir()
    return start_sshd("ForceCommand internal-sftp").inventory(directory, 1)


def test_a_host_that_runs_no_commands_can_be_moved_to_and_from(
    fleetctl: Fleetctl, only_sftp: Path, here: Path, far: Path
) -> None:
    files = {f"t/{n:02}": str(n) for n in range(40)}
    plant(here, files)
    for options in ([], ["--update", "--resume"]):
        ran = fleetctl("put", "-r", *options, "-i", only_sftp, here / "t", far)
        assert (ran.exit_code, texts(far)) == (0, files), ran.stderr
        ran = fleetctl("get", "-r", *options, "-i", only_sftp, far / "t", here / "back")
        assert (ran.exit_code, texts(here / "back" / "h001")) == (0, files), ran.stderr
    for option in ("--verify", "--checksum"):
        for words in (("put", here / "t", far), ("get", far / "t", here / "back")):
            ran = fleetctl(words[0], "-r", option, "-i", only_sftp, *words[1:])
            assert ran.exit_code == 1
            assert "sha256sum" in ran.stderr
    assert texts(far) == files


@pytest.mark.parametrize("command", ["put", "get"])
def test_sizes_beyond_32_bits(fleetctl: Fleetctl, only_sftp: Path, here: Path, far: Path, command: str) -> None:
    """Only the end has still to be moved, for all of it would take long."""
    source, target = (here, far) if command == "put" else (far, here / "h001")
    size = 5 * 1024 * MIB
    for path in (plant(source, {"sparse": ""}) / "sparse", plant(target, {PART.format(size): ""}) / PART.format(size)):
        os.truncate(path, size - MIB)
    with (source / "sparse").open("r+b") as file:
        os.pwrite(file.fileno(), b"near the end", size - 100)
        file.truncate(size)
    age(source / "sparse")
    words = (here / "sparse", far) if command == "put" else (far / "sparse", here)
    ran = fleetctl(command, "--resume", "-o", "json", "-i", only_sftp, *words)
    assert ran.exit_code == 0, ran.stderr
    assert ran.json["hosts"][0]["totals"]["bytes"] == 9 * MIB
    assert ran.json["hosts"][0]["transfers"][0]["size"] == size
    assert (names(target), (target / "sparse").stat().st_size) == (["sparse"], size)
    with (target / "sparse").open("rb") as file:
        assert os.pread(file.fileno(), 12, size - 100) == b"near the end"


def test_keys_may_change_in_mid_transfer(
    fleetctl: Fleetctl, start_sshd: SshdStarter, tmp_path: Path, here: Path, far: Path, content: bytes
) -> None:
    (tmp_path / "rekey").mkdir()
    inventory = start_sshd("RekeyLimit 4M").inventory(tmp_path / "rekey", 1)
    plant(here, {"big": content})
    assert fleetctl("put", "-i", inventory, here / "big", far).exit_code == 0
    assert fleetctl("get", "-i", inventory, far / "big", here).exit_code == 0
    assert (here / "h001" / "big").read_bytes() == content


def test_ten_thousand_files_in_one_directory(fleetctl: Fleetctl, one: Path, here: Path, far: Path) -> None:
    plant(here, {f"t/{n:05}": str(n) for n in range(10_000)})
    ran = fleetctl("put", "-r", "--via", "sftp", "-o", "json", "-i", one, here / "t", far)
    assert ran.json["hosts"][0]["totals"]["files"] == 10_000
    assert texts(far) == texts(here)
    ran = fleetctl("get", "-r", "-o", "json", "-i", one, far / "t", here / "back")
    assert ran.json["hosts"][0]["totals"]["files"] == 10_000
    assert texts(here / "back" / "h001") == texts(far)
