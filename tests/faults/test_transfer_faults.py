"""Disks that are full, permissions that are missing, and files that change or are something else: on either side."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.support.beside import BAD, SOUND, Beside
from tests.support.fleetctl import Fleetctl
from tests.support.sftp.behaviour import Before, Behaviour
from tests.support.sftp.wire import Request
from tests.support.sftp_servers import serve
from tests.support.small_disk import small_disk
from tests.support.trees import age, names, parts, plant, texts

MIB = 1024 * 1024
LARGE = os.urandom(MIB) * 4
MANY = {f"t/{number:02}": bytes([number]) * 100_000 for number in range(40)}
VIA = pytest.mark.parametrize("via", ["sftp", "tar"])


@dataclass(frozen=True)
class Powerless(Fleetctl):
    """The command as a user whom permissions apply to, whoever runs the tests."""

    def command(self, args: tuple[str | Path, ...]) -> list[str]:
        own = super().command(args)
        if os.geteuid() != 0:
            return own
        return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--", *own]


@pytest.fixture
def powerless(beside: Beside) -> Beside:
    return replace(beside, fleetctl=Powerless(beside.fleetctl.home))


def once(kind: str, act: Callable[[], object], turn: int = 1) -> Before:
    """Something happens when a host is asked for this, for the first time or the one with this turn."""

    def before(request: Request) -> None:
        if request.kind == kind and request.turn == turn:
            act()

    return before


# Full disks


def test_a_disk_that_is_full_there_keeps_what_was_on_it(beside: Beside) -> None:
    """The sshd is the bad one here: it has the small disk."""
    plant(beside.here, {"x": LARGE})
    plant(beside.there, {"disk/x": "old"})
    with small_disk(beside.far / "disk", 1), serve(beside.root) as server:
        plant(beside.far / "disk", {"x": "old"})
        fate = beside(server, "put", beside.here / "x", f"{beside.where}/disk/", bad=SOUND)
        assert (fate.status, fate.code) == ("failed", "no-space")
        assert fate.hint
        assert texts(beside.far) == {"disk/x": "old"}
    assert (beside.there / "disk" / "x").read_bytes() == LARGE


@VIA
def test_a_disk_that_many_files_fill_there_has_whole_ones_only(beside: Beside, via: str) -> None:
    plant(beside.here, MANY)
    plant(beside.there, {"disk/": ""})
    with small_disk(beside.far / "disk", 1), serve(beside.root) as server:
        fate = beside(server, "put", "-r", "--via", via, beside.here / "t", f"{beside.where}/disk/", bad=SOUND)
        assert (fate.status, fate.code) == ("failed", "no-space")
        assert parts(beside.far) == []
    assert len(names(beside.there / "disk" / "t")) == len(MANY)


def test_a_disk_of_a_server_that_does_not_say_so_is_full(beside: Beside) -> None:
    plant(beside.here, {"x": LARGE})
    beside.plant({"disk/": ""})
    with small_disk(beside.there / "disk", 1), serve(beside.root) as server:
        fate = beside(server, "put", beside.here / "x", f"{beside.where}/disk/")
        assert (fate.status, fate.code) == ("failed", "server-failure")
        assert names(beside.there) == ["disk"]


def test_a_disk_that_is_full_here_keeps_what_was_on_it(beside: Beside) -> None:
    beside.plant({"x": LARGE})
    with small_disk(beside.here / BAD, 1), serve(beside.root) as server:
        plant(beside.here / BAD, {"x": "old"})
        fate = beside(server, "get", f"{beside.where}/x", beside.here)
        assert (fate.status, fate.code) == ("failed", "no-space")
        assert "here" in fate.message
        assert texts(beside.here / BAD) == {"x": "old"}


@VIA
def test_a_disk_that_many_files_fill_here_has_whole_ones_only(beside: Beside, via: str) -> None:
    beside.plant(MANY)
    with small_disk(beside.here / BAD, 1), serve(beside.root) as server:
        fate = beside(server, "get", "-r", "--via", via, f"{beside.where}/t", beside.here)
        assert (fate.status, fate.code) == ("failed", "no-space")
        assert parts(beside.here) == []


# Permissions


def test_what_may_not_be_written_there_is_told(beside: Beside) -> None:
    plant(beside.here, {"t/closed/x": "x", "t/open/y": "y"})
    beside.plant({"t/closed/": "", "t/open/": ""})
    (beside.far / "t" / "closed").chmod(0o555)
    with serve(beside.root) as server:
        fate = beside(server, "put", "-r", beside.here / "t", beside.where, bad=SOUND)
    assert (fate.status, fate.code) == ("failed", "access-denied")
    assert "t/closed/x: permission denied" in fate.message
    assert texts(beside.far) == {"t/open/y": "y"}


def test_what_may_not_be_read_there_is_told(beside: Beside) -> None:
    beside.plant({"t/closed/x": "x", "t/secret": "s", "t/y": "y"})
    (beside.far / "t" / "closed").chmod(0)
    (beside.far / "t" / "secret").chmod(0)
    with serve(beside.root) as server:
        fate = beside(server, "get", "-r", f"{beside.where}/t", beside.here, bad=SOUND)
    (beside.far / "t" / "closed").chmod(0o700)
    assert (fate.status, fate.code) == ("failed", "access-denied")
    assert "2 files failed" in fate.message
    assert texts(beside.here / SOUND) == {"t/y": "y"}


def test_what_may_not_be_written_here_is_told(powerless: Beside) -> None:
    powerless.plant({"t/closed/x": "x", "t/open/y": "y"})
    plant(powerless.here / BAD, {"t/closed/": ""})
    (powerless.here / BAD / "t" / "closed").chmod(0o555)
    with serve(powerless.root) as server:
        fate = powerless(server, "get", "-r", f"{powerless.where}/t", powerless.here)
    assert (fate.status, fate.code) == ("failed", "access-denied")
    assert "here: permission denied" in fate.message
    assert texts(powerless.here / BAD) == {"t/open/y": "y"}


def test_what_may_not_be_read_here_is_told_before_any_host_is_asked(powerless: Beside) -> None:
    plant(powerless.here, {"t/secret": "s", "t/y": "y"})
    (powerless.here / "t" / "secret").chmod(0)
    with serve(powerless.root) as server:
        inventory = powerless.inventory({BAD: server})
        ran = powerless.fleetctl("put", "-r", "-i", inventory, powerless.here / "t", powerless.where)
        assert server.requests == []
    assert ran.exit_code == 2
    assert "t/secret: permission denied" in ran.stderr


# Local files that change while they are sent. The hosts run side by side, so the first to be asked changes it.


@pytest.fixture
def only_bad(beside: Beside) -> Callable[..., tuple[str, str]]:
    """Send `t` to the bad host alone, which has its effect in the middle. Returns: status, code."""

    def put(*before: Before) -> tuple[str, str]:
        plant(beside.there, {"old": "old"})
        with serve(beside.root, Behaviour(before=before)) as server:
            inventory = server.inventory(beside.directory, BAD)
            ran = beside.fleetctl(
                "put", "-r", "--via", "sftp", "-o", "json", "-i", inventory, beside.here / "t", beside.where
            )
        (host,) = ran.json["hosts"]
        assert parts(beside.there) == []
        return host["status"], (host["error"] or {}).get("code", "")

    return put


Put = Callable[..., tuple[str, str]]


def test_a_local_file_that_is_gone_costs_itself_only(beside: Beside, only_bad: Put) -> None:
    top = plant(beside.here / "t", {"x": "x", "y": "y"})
    assert only_bad(once("lstat", (top / "x").unlink)) == ("failed", "no-such-file")
    assert texts(beside.there) == {"old": "old", "t/y": "y"}


def test_many_local_files_that_are_gone_cost_themselves_only(beside: Beside, only_bad: Put) -> None:
    """More of them in a row than are sent at once."""
    top = plant(beside.here / "t", {f"{number:02}": "x" for number in range(50)})

    def remove() -> None:
        for number in range(45):
            (top / f"{number:02}").unlink()

    assert only_bad(once("lstat", remove)) == ("failed", "no-such-file")
    assert texts(beside.there) == {"old": "old"} | {f"t/{number:02}": "x" for number in range(45, 50)}


@pytest.mark.parametrize("other", ["directory", "pipe", "link", "longer and younger", "shorter"])
def test_a_local_file_that_was_replaced_is_not_sent_as_if_it_were_the_same(
    beside: Beside, only_bad: Put, other: str
) -> None:
    top = plant(beside.here / "t", {"x": "was here", "y": "y"})
    age(top / "x")

    def change() -> None:
        (top / "x").unlink()
        match other:
            case "directory":
                (top / "x").mkdir()
            case "pipe":
                os.mkfifo(top / "x")
            case "link":
                (top / "x").symlink_to("y")
            case _:
                (top / "x").write_text("younger!" if other.startswith("longer") else "short")

    assert only_bad(once("lstat", change)) == ("failed", "source-changed")
    assert texts(beside.there) == {"old": "old", "t/y": "y"}


@pytest.mark.parametrize("size", [0, MIB + 5])
def test_a_local_file_that_shrinks_while_it_is_sent_is_not_there(beside: Beside, only_bad: Put, size: int) -> None:
    top = plant(beside.here / "t", {"x": LARGE})
    assert only_bad(once("write", lambda: os.truncate(top / "x", size))) == ("failed", "source-changed")
    assert texts(beside.there) == {"old": "old"}


def test_a_local_file_that_is_written_while_it_is_sent_is_not_there(beside: Beside, only_bad: Put) -> None:
    top = plant(beside.here / "t", {"x": LARGE})
    age(top / "x")

    def write() -> None:
        with (top / "x").open("r+b") as file:
            file.write(b"new")

    assert only_bad(once("write", write)) == ("failed", "source-changed")
    assert texts(beside.there) == {"old": "old"}


def test_a_local_file_that_grows_is_sent_as_it_was(beside: Beside, only_bad: Put) -> None:
    top = plant(beside.here / "t", {"x": LARGE})

    def grow() -> None:
        with (top / "x").open("ab") as file:
            file.write(b"more")

    assert only_bad(once("write", grow)) == ("ok", "")
    assert (beside.there / "t" / "x").read_bytes() == LARGE


def test_a_local_file_that_is_replaced_while_it_is_sent_arrives_as_it_was(beside: Beside, only_bad: Put) -> None:
    top = plant(beside.here / "t", {"x": LARGE})
    plant(beside.here, {"other": "another"})
    assert only_bad(once("write", lambda: (beside.here / "other").replace(top / "x"))) == ("ok", "")
    assert (beside.there / "t" / "x").read_bytes() == LARGE


# What stands in the way


def test_a_directory_in_the_place_of_a_file_stays(beside: Beside) -> None:
    plant(beside.here, {"t/x": "new", "t/y": "y"})
    plant(beside.there, {"t/x/kept": "kept"})
    with serve(beside.root) as server:
        fate = beside(server, "put", "-r", "--mkdir", beside.here / "t", beside.where)
        assert (fate.status, fate.code) == ("failed", "wrong-kind")
    assert texts(beside.there) == {"t/x/kept": "kept", "t/y": "y"}
    shutil.rmtree(beside.here)
    beside.here.mkdir()
    plant(beside.here / BAD, {"t/y/kept": "kept"})
    beside.plant({"t/z": "z"})
    with serve(beside.root) as server:
        fate = beside(server, "get", "-r", f"{beside.where}/t", beside.here)
    assert (fate.status, fate.code) == ("failed", "wrong-kind")
    assert texts(beside.here / BAD) == {"t/x/kept": "kept", "t/y/kept": "kept", "t/z": "z"}


@pytest.mark.parametrize("via", ["sftp", "tar"])
@pytest.mark.parametrize("planted", ["t", "t/sub", "t/x"])
def test_nothing_is_written_through_a_link_that_is_here(beside: Beside, planted: str, via: str) -> None:
    beside.plant({"t/x": "x", "t/sub/y": "y"})
    outside = plant(beside.directory / "outside", {"x": "outside", "sub/": ""})
    where = beside.here / BAD / planted
    where.parent.mkdir(parents=True)
    where.symlink_to(outside / "x" if planted == "t/x" else outside)
    with serve(beside.root) as server:
        fate = beside(server, "get", "-r", "--via", via, f"{beside.where}/t", beside.here)
    assert texts(outside) == {"x": "outside"}
    if planted == "t/x":  # a link itself is replaced, as rename(2) does it
        assert (fate.status, texts(beside.here / BAD)) == ("ok", {"t/x": "x", "t/sub/y": "y"})
    else:
        assert (fate.status, fate.code) == ("failed", "wrong-kind")


@pytest.mark.parametrize("kind", ["open", "read", "close"])
def test_nothing_is_written_through_a_link_that_somebody_puts_there_meanwhile(beside: Beside, kind: str) -> None:
    plant(beside.there, {"t/sub/x": "x", "t/sub/y": LARGE})
    outside = plant(beside.directory / "outside", {"kept": ""})
    arriving = beside.here / BAD / "t" / "sub"

    def plant_a_link() -> None:
        if arriving.is_dir():
            arriving.rename(arriving.with_name("was-sub"))
            arriving.symlink_to(outside)

    hooks = tuple(once(kind, plant_a_link, turn) for turn in range(1, 9))
    with serve(beside.root, Behaviour(before=hooks)) as server:
        inventory = server.inventory(beside.directory, BAD)
        beside.fleetctl("get", "-r", "-o", "json", "-i", inventory, f"{beside.where}/t", beside.here)
    assert arriving.is_symlink()
    assert names(outside) == ["kept"]
