"""`fleetctl put` on a real sshd: where files go, which of them, and that they arrive whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.fleetctl import Fleetctl
from tests.support.sshd import Sshd
from tests.support.trees import names, parts, plant, texts

TREE = {"one.conf": "1", "two.txt": "22", "sub/three.conf": "333", "sub/deep/four.txt": "4444", "hollow/": ""}


@pytest.fixture
def tree(here: Path) -> Path:
    return plant(here / "app", TREE)


def test_a_file_takes_a_new_name(fleetctl: Fleetctl, one: Path, here: Path, far: Path) -> None:
    plant(here, {"a.conf": "hello"})
    ran = fleetctl("put", "-i", one, here / "a.conf", far / "b.conf")
    assert (ran.exit_code, texts(far)) == (0, {"b.conf": "hello"}), ran.stderr
    assert "1 file, 5 bytes sent" in ran.stdout


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_file_goes_into_a_directory_that_is_there(
    fleetctl: Fleetctl, one: Path, here: Path, far: Path, slash: str
) -> None:
    plant(here, {"a.conf": "hello"})
    assert fleetctl("put", "-i", one, here / "a.conf", f"{far}{slash}").exit_code == 0
    assert texts(far) == {"a.conf": "hello"}


def test_the_home_is_where_relative_paths_begin(fleetctl: Fleetctl, one: Path, here: Path, far: Path) -> None:
    plant(here, {"a.conf": "hello"})
    for destination in (f"{far.name}/x", f"~/{far.name}/y", f"./{far.name}/z"):
        assert fleetctl("put", "-i", one, here / "a.conf", destination).exit_code == 0
    assert names(far) == ["x", "y", "z"]


@pytest.mark.parametrize("words", [["a"], ["a", "b"]])
def test_a_directory_that_is_missing_is_an_error_with_a_way_out(
    fleetctl: Fleetctl, one: Path, here: Path, far: Path, words: list[str]
) -> None:
    plant(here, {"a": "A", "b": "B"})
    sources = [here / word for word in words]
    ran = fleetctl("put", "-i", one, *sources, f"{far}/new/deep/")
    assert (ran.exit_code, names(far)) == (1, [])
    assert "--mkdir" in ran.stderr
    assert fleetctl("put", "--mkdir", "-i", one, *sources, f"{far}/new/deep/").exit_code == 0
    assert names(far) == ["new", "new/deep", *(f"new/deep/{word}" for word in words)]


def test_the_directory_of_a_new_name_must_be_there_too(fleetctl: Fleetctl, one: Path, here: Path, far: Path) -> None:
    plant(here, {"a": "A"})
    ran = fleetctl("put", "-i", one, here / "a", far / "new" / "b")
    assert (ran.exit_code, names(far)) == (1, [])
    assert "--mkdir" in ran.stderr
    assert fleetctl("put", "--mkdir", "-i", one, here / "a", far / "new" / "b").exit_code == 0
    assert texts(far) == {"new/b": "A"}


def test_several_files_need_a_directory(fleetctl: Fleetctl, one: Path, here: Path, far: Path) -> None:
    plant(here, {"a": "A", "b": "B"})
    plant(far, {"file": "old"})
    ran = fleetctl("put", "-i", one, here / "a", here / "b", far / "file")
    assert ran.exit_code == 1
    assert "no directory" in ran.stderr
    assert texts(far) == {"file": "old"}
    assert fleetctl("put", "-i", one, here / "a", here / "b", far).exit_code == 0
    assert texts(far) == {"a": "A", "b": "B", "file": "old"}


def test_a_slash_after_a_file_is_refused(fleetctl: Fleetctl, one: Path, here: Path, far: Path) -> None:
    plant(here, {"a": "A"})
    plant(far, {"file": "old"})
    ran = fleetctl("put", "--mkdir", "-i", one, here / "a", f"{far}/file/")
    assert (ran.exit_code, texts(far)) == (1, {"file": "old"})
    assert "no directory" in ran.stderr


def test_globs_are_ours_too(fleetctl: Fleetctl, one: Path, tree: Path, far: Path) -> None:
    assert fleetctl("put", "-i", one, f"{tree}/*.conf", far).exit_code == 0
    assert names(far) == ["one.conf"]
    assert fleetctl("put", "-i", one, f"{tree}/**/*.conf", far).exit_code == 0
    assert names(far) == ["one.conf", "three.conf"]


def test_a_name_that_looks_like_a_glob_is_itself_when_it_is_there(
    fleetctl: Fleetctl, one: Path, here: Path, far: Path
) -> None:
    plant(here, {"[x].conf": "set", "x.conf": "plain", "*": "star"})
    assert fleetctl("put", "-i", one, here / "[x].conf", here / "*", far).exit_code == 0
    assert names(far) == ["*", "[x].conf"]


def test_what_is_not_there_is_told_before_anybody_is_asked(
    fleetctl: Fleetctl, one: Path, here: Path, far: Path, sshd: Sshd
) -> None:
    before = sshd.log
    for missing in ("nothing", "*.nothing"):
        ran = fleetctl("put", "-i", one, here / missing, far)
        assert (ran.exit_code, sshd.log) == (2, before)
        assert f"there is no {here / missing}" in ran.stderr


def test_a_directory_needs_to_be_wanted(fleetctl: Fleetctl, one: Path, tree: Path, far: Path) -> None:
    ran = fleetctl("put", "-i", one, tree, far)
    assert (ran.exit_code, names(far)) == (2, [])
    assert "is a directory" in ran.stderr
    assert "-r" in ran.stderr


@pytest.mark.parametrize(
    ("source", "destination", "top"),
    [
        ("app", "", "app/"),  # into one that is there
        ("app", "/", "app/"),
        ("app", "/new", "new/"),  # a new name for it
        ("app/", "", ""),  # what is in it
        ("app/.", "", ""),
        ("app/", "/new", "new/"),
        ("app/", "/new/", "new/"),
    ],
)
@pytest.mark.parametrize("via", ["sftp", "tar"])
def test_directories_land_as_rsync_has_them(
    fleetctl: Fleetctl, one: Path, tree: Path, far: Path, source: str, destination: str, top: str, via: str
) -> None:
    ran = fleetctl(
        "put",
        "-r",
        "--via",
        via,
        "-i",
        one,
        tree.parent / source if "/" not in source else f"{tree.parent}/{source}",
        f"{far}{destination}",
    )
    assert ran.exit_code == 0, ran.stderr
    above = [top.rstrip("/")] if top else []
    assert names(far) == sorted([*above, *(f"{top}{name}" for name in names(tree))])
    assert "4 files, 10 bytes sent" in ran.stdout


def test_a_directory_into_one_that_is_missing_needs_mkdir(fleetctl: Fleetctl, one: Path, tree: Path, far: Path) -> None:
    for source, destination in ((f"{tree}", "a/b/"), (f"{tree}", "a/b/c"), (f"{tree}/", "a/b")):
        ran = fleetctl(
            "put", "-r", "-i", one, source, far / destination if destination[-1] != "/" else f"{far}/{destination}"
        )
        assert (ran.exit_code, names(far)) == (1, []), destination
        assert "--mkdir" in ran.stderr
    assert fleetctl("put", "-r", "--mkdir", "-i", one, f"{tree}/", far / "a" / "b").exit_code == 0
    assert set(texts(far)) == {f"a/b/{name}" for name in texts(tree)}


@pytest.mark.parametrize("source", [".", "..", "sub/..", "sub/../../app"])
def test_dots_name_a_directory_and_never_a_way_up_over_there(
    fleetctl: Fleetctl, one: Path, tree: Path, far: Path, source: str
) -> None:
    plant(far, {"in/": ""})
    cwd = tree / "sub" if source == ".." else tree
    ran = fleetctl("put", "-r", "-i", one, source, far / "in", cwd=cwd)
    assert ran.exit_code == 0, ran.stderr
    top = "in/app" if source.endswith("app") else "in"
    assert set(texts(far)) == {f"{top}/{name}" for name in texts(tree)}


def test_two_files_of_one_name_are_refused(fleetctl: Fleetctl, one: Path, here: Path, far: Path) -> None:
    plant(here, {"a/x": "1", "b/x": "2"})
    ran = fleetctl("put", "-i", one, here / "a" / "x", here / "b" / "x", far)
    assert (ran.exit_code, names(far)) == (2, [])
    assert "would both become x" in ran.stderr
    ran = fleetctl("put", "-r", "-i", one, f"{here}/a/", f"{here}/b/", far)
    assert (ran.exit_code, names(far)) == (2, [])


def test_an_empty_word_is_no_place(fleetctl: Fleetctl, one: Path, here: Path) -> None:
    plant(here, {"a": "A"})
    assert fleetctl("put", "-i", one, here / "a", "").exit_code == 2
    assert fleetctl("put", "-i", one, here / "a").exit_code == 2


def test_a_directory_is_not_replaced_by_a_file(fleetctl: Fleetctl, one: Path, here: Path, far: Path) -> None:
    plant(here, {"a": "A", "b": "B"})
    plant(far, {"a/kept": "old"})
    ran = fleetctl("put", "-i", one, here / "a", here / "b", far)
    assert ran.exit_code == 1
    assert "directory" in ran.stderr
    assert texts(far) == {"a/kept": "old", "b": "B"}


def test_what_is_no_file_is_neither_sent_nor_replaced(fleetctl: Fleetctl, one: Path, here: Path, far: Path) -> None:
    plant(here, {"t/a": "A"})
    os.mkfifo(here / "t" / "pipe")
    os.mkfifo(far / "a")
    ran = fleetctl("put", "-r", "-i", one, here / "t", far)
    assert (ran.exit_code, names(far)) == (0, ["a", "t", "t/a"])
    assert "skipped" in ran.stdout
    assert fleetctl("put", "-i", one, here / "t" / "pipe", far).exit_code == 2
    ran = fleetctl("put", "-i", one, here / "t" / "a", far)
    assert ran.exit_code == 1
    assert "device, socket or pipe" in ran.stderr
    assert (far / "a").is_fifo()
    ran = fleetctl("get", "-i", one, far / "a", here)
    assert (ran.exit_code, "not a regular file" in ran.stderr) == (1, True)


def test_a_file_is_not_replaced_by_a_directory(fleetctl: Fleetctl, one: Path, tree: Path, far: Path) -> None:
    plant(far, {"app/sub": "a file"})
    ran = fleetctl("put", "-r", "-i", one, tree, far)
    assert ran.exit_code == 1
    assert texts(far) == {"app/sub": "a file", "app/one.conf": "1", "app/two.txt": "22"}


def test_a_replaced_file_keeps_its_mode(fleetctl: Fleetctl, one: Path, here: Path, far: Path) -> None:
    plant(here, {"a": "new"})
    (here / "a").chmod(0o644)
    plant(far, {"a": "old"})
    (far / "a").chmod(0o750)
    assert fleetctl("put", "-i", one, here / "a", far).exit_code == 0
    assert ((far / "a").stat().st_mode & 0o7777, texts(far)) == (0o750, {"a": "new"})


def test_a_link_over_there_that_is_named_is_written_through(
    fleetctl: Fleetctl, one: Path, here: Path, far: Path
) -> None:
    plant(here, {"a": "new"})
    plant(far, {"real/file": "old", "link": "-> real/file"})
    assert fleetctl("put", "-i", one, here / "a", far / "link").exit_code == 0
    assert (far / "link").is_symlink()
    assert texts(far) == {"real/file": "new"}


def test_a_directory_may_stand_behind_a_link(fleetctl: Fleetctl, one: Path, tree: Path, far: Path) -> None:
    plant(far, {"real/": "", "link": "-> real", "app/": "", "app/sub": "-> ../elsewhere", "elsewhere/": ""})
    assert fleetctl("put", "-r", "-i", one, tree, far / "link").exit_code == 0
    assert set(texts(far / "real")) == {f"app/{name}" for name in texts(tree)}
    assert fleetctl("put", "-r", "-i", one, tree, far).exit_code == 0
    assert (far / "app" / "sub").is_symlink()
    assert names(far / "elsewhere") == ["deep", "deep/four.txt", "three.conf"]


def test_a_secret_file_is_private_while_it_is_on_its_way(fleetctl: Fleetctl, one: Path, here: Path, far: Path) -> None:
    plant(here, {"key": b"x" * 3_000_000})
    (here / "key").chmod(0o600)
    with fleetctl.start("put", "--limit", "400k", "-o", "ndjson", "-i", one, here / "key", far) as running:
        running.wait_for('"bytes":1')
        (part,) = parts(far)
        mode = (far / part).stat().st_mode & 0o7777
    assert mode == 0o600


def test_many_names_of_one_machine_do_not_disturb_each_other(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, here: Path, far: Path
) -> None:
    plant(here, {f"t/{n}": f"{n}" * 5000 for n in range(40)} | {"a": b"x" * 2_000_000})
    twenty = sshd.inventory(tmp_path, 20)
    for _ in range(2):
        ran = fleetctl("put", "-r", "-i", twenty, here / "a", here / "t", far)
        assert ran.exit_code == 0, ran.stderr
        assert texts(far) == texts(here)
        assert parts(far) == []


def test_one_host_without_access_does_not_hold_up_the_others(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, here: Path, far: Path
) -> None:
    plant(here, {"a": "A"})
    inventory = sshd.inventory(tmp_path, 2)
    text = inventory.read_text().replace("address: 127.0.1.2", "address: 127.0.1.2\n    user: nobody-there")
    inventory.write_text(text)
    ran = fleetctl("put", "-o", "json", "-i", inventory, here / "a", far)
    assert ran.exit_code == 3
    statuses = {host["host"]: host["status"] for host in ran.json["hosts"]}
    assert statuses == {"h001": "ok", "h002": "denied"}
    assert texts(far) == {"a": "A"}


def test_one_file_that_may_not_be_written_does_not_hold_up_the_others(
    fleetctl: Fleetctl, one: Path, here: Path, far: Path
) -> None:
    plant(here, {"shut/x": "1", "shut/y": "2", "open/z": "3", "top": "4"})
    plant(far, {"here/shut/": "", "here/open/": ""})
    (far / "here" / "shut").chmod(0o555)
    ran = fleetctl("put", "-r", "-o", "json", "-i", one, here, far)
    (host,) = ran.json["hosts"]
    assert (ran.exit_code, host["status"], host["error"]["code"]) == (1, "failed", "access-denied")
    assert {name: count for name, count in host["totals"].items() if count} == {"files": 2, "bytes": 2, "failed": 2}
    assert "here/shut/x" in host["stderr"]
    assert texts(far) == {"here/open/z": "3", "here/top": "4"}
    (far / "here" / "shut").chmod(0o755)
    assert parts(far) == []
