"""Which files put and get take, leave alone and delete: links, filters, --delete, --update, --checksum, dry runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.fleetctl import Fleetctl
from tests.support.trees import LONG_AGO, age, names, plant, seen, texts

LINKED = {
    "t/file": "F",
    "t/sub/up": "-> ../file",
    "t/here": "-> sub",
    "t/nowhere": "-> missing",
    "t/out": "-> ../../elsewhere",
    "t/absolute": "-> /etc/hostname",
    "t/loop": "-> .",
}


def test_links_are_put_as_they_are(fleetctl: Fleetctl, one: Path, here: Path, far: Path) -> None:
    plant(here, LINKED)
    for via in ("sftp", "tar"):
        assert fleetctl("put", "-r", "--via", via, "-i", one, here / "t", far / via).exit_code == 0
        assert seen(far / via, times=False) == seen(here / "t", times=False)
    again = fleetctl("put", "-r", "-i", one, here / "t", far / "sftp", "--links", "copy", "--update", "--via", "sftp")
    assert again.exit_code == 0


@pytest.mark.parametrize("via", ["sftp", "tar"])
def test_links_are_followed_on_request_but_not_for_ever(
    fleetctl: Fleetctl, one: Path, here: Path, far: Path, via: str
) -> None:
    plant(here, LINKED | {"elsewhere": "E"})
    (here / "t" / "out").unlink()
    (here / "t" / "out").symlink_to("../elsewhere")
    (here / "t" / "absolute").unlink()
    ran = fleetctl("put", "-r", "--links", "follow", "--via", via, "-i", one, here / "t", far)
    assert ran.exit_code == 0, ran.stderr
    assert texts(far) == {"t/file": "F", "t/sub/up": "F", "t/here/up": "F", "t/out": "E"}
    assert "nowhere (a link that leads nowhere)" in ran.stdout
    assert "loop (a link to a directory that it is in)" in ran.stdout


def test_links_may_be_left_out(fleetctl: Fleetctl, one: Path, here: Path, far: Path) -> None:
    plant(here, LINKED)
    assert fleetctl("put", "-r", "--links", "skip", "-i", one, here / "t", far).exit_code == 0
    assert names(far) == ["t", "t/file", "t/sub"]
    assert fleetctl("get", "-r", "--links", "skip", "-i", one, far / "t", here / "back").exit_code == 0
    assert names(here / "back" / "h001") == ["t", "t/file", "t/sub"]


def test_links_that_lead_out_of_a_tree_are_not_fetched(fleetctl: Fleetctl, one: Path, far: Path, here: Path) -> None:
    plant(far, LINKED | {"t/wily": "-> sub/../../../x"})
    ran = fleetctl("get", "-r", "-i", one, far / "t", here)
    assert ran.exit_code == 0, ran.stderr
    links = {name for name in names(here) if (here / name).is_symlink()}
    assert links == {f"h001/t/{name}" for name in ("sub/up", "here", "nowhere", "loop")}
    assert ran.stdout.count("leads out of the tree") == 3


def test_links_that_lead_out_of_a_tree_are_not_followed_either(
    fleetctl: Fleetctl, one: Path, far: Path, here: Path
) -> None:
    plant(far, LINKED | {"elsewhere": "E", "t/near": "-> ../elsewhere"})
    ran = fleetctl("get", "-r", "--links", "follow", "-i", one, far / "t", here)
    assert ran.exit_code == 0, ran.stderr
    assert texts(here / "h001") == {"t/file": "F", "t/sub/up": "F", "t/here/up": "F"}


FILTERED = {
    "t/a.log": "", "t/a.conf": "", "t/cache/x": "", "t/cache/keep.conf": "", "t/sub/b.log": "", "t/sub/cache": "",
    "t/sub/deep/c.conf": "", "t/.hidden.log": "",
}  # fmt: skip


ALL = ".hidden.log a.conf a.log cache cache/keep.conf cache/x sub sub/b.log sub/cache sub/deep sub/deep/c.conf"


@pytest.mark.parametrize(
    ("options", "left_out"),
    [
        (["--exclude", "*.log"], ".hidden.log a.log sub/b.log"),
        (["--exclude", "cache/", "--exclude", "*.log"], ".hidden.log a.log cache cache/keep.conf cache/x sub/b.log"),
        (["--exclude", "cache"], "cache cache/keep.conf cache/x sub/cache"),
        (["--exclude", "sub/*.log"], "sub/b.log"),
        (["--exclude", "/*", "--include", "/sub/"], ".hidden.log a.conf a.log cache cache/keep.conf cache/x"),
        (["--include", "/sub/**/c.conf"], ALL.replace(" sub ", " ").replace("sub/deep sub/deep/c.conf", "")),
        (["--include", "*.conf"], ".hidden.log a.log cache/x sub/b.log sub/cache"),
        (["--exclude", "cache/", "--include", "keep.*"], "cache/x"),
    ],
)
def test_filters_are_the_same_both_ways(
    fleetctl: Fleetctl, one: Path, here: Path, far: Path, options: list[str], left_out: str
) -> None:
    taken = [name for name in ALL.split() if name not in left_out.split()]
    plant(here, FILTERED)
    assert fleetctl("put", "-r", *options, "-i", one, here / "t", far / "put").exit_code == 0
    assert names(far / "put") == taken
    plant(far, FILTERED)
    assert fleetctl("get", "-r", *options, "-i", one, f"{far}/t/", here / "got").exit_code == 0
    assert names(here / "got" / "h001") == taken


@pytest.mark.parametrize("slash", ["", "/"])
def test_delete_makes_a_directory_there_the_same(
    fleetctl: Fleetctl, one: Path, here: Path, far: Path, slash: str
) -> None:
    plant(here, {"t/a": "A", "t/sub/b": "B", "t/was-a-link": ""})
    old = {
        "old": "",
        "sub/old/deep/er": "",
        "a.log": "",
        "link": "-> ../safe",
        "sub/.h": "",
        ".a.1-1.01234567.part": "",
    }
    plant(far, {f"t/{name}": text for name, text in old.items()} | {"safe/x": "X", "beside": "stays"})
    age(far / "t" / ".a.1-1.01234567.part")
    options = ["-r", "--delete", "-y", "--exclude", "*.log", "-o", "json"]
    ran = fleetctl("put", *options, "-i", one, f"{here}/t{slash}", f"{far}/t" if slash else far)
    assert ran.exit_code == 0, ran.stderr
    assert texts(far / "t") == texts(here / "t") | {"a.log": ""}
    assert texts(far / "safe") == {"x": "X"}
    assert (far / "beside").exists()
    (host,) = ran.json["hosts"]
    assert host["totals"]["deleted"] == 4


@pytest.mark.parametrize("slash", ["", "/"])
def test_delete_makes_a_directory_here_the_same(
    fleetctl: Fleetctl, one: Path, here: Path, far: Path, slash: str
) -> None:
    plant(far, {"t/a": "A", "t/sub/b": "B"})
    top = "h001" if slash else "h001/t"
    old = {"old": "", "sub/old/deep/er": "", "a.log": "", "link": f"-> {here}/safe", "sub/.h": ""}
    plant(here, {f"{top}/{name}": text for name, text in old.items()} | {"safe/x": "X", "h002/x": "stays"})
    ran = fleetctl("get", "-r", "--delete", "-y", "--exclude", "*.log", "-i", one, f"{far}/t{slash}", here)
    assert ran.exit_code == 0, ran.stderr
    assert texts(here / top) == texts(far / "t") | {"a.log": ""}
    assert texts(here / "safe") == {"x": "X"}
    assert (here / "h002" / "x").exists()


def test_nothing_is_deleted_here_for_what_could_not_be_read_there(
    fleetctl: Fleetctl, one: Path, here: Path, far: Path
) -> None:
    plant(far, {"t/a": "A", "t/shut/b": "B"})
    assert fleetctl("get", "-r", "-i", one, far / "t", here).exit_code == 0
    before = texts(here)
    (far / "t" / "shut").chmod(0)
    ran = fleetctl("get", "-r", "--delete", "-y", "-i", one, far / "t", here)
    assert (ran.exit_code, texts(here)) == (1, before)
    (far / "t" / "shut").chmod(0o755)


@pytest.mark.parametrize("command", ["put", "get"])
def test_delete_needs_somebody_who_agrees(fleetctl: Fleetctl, one: Path, here: Path, far: Path, command: str) -> None:
    plant(here, {"t/a": "A", "h001/t/mine": ""})
    plant(far, {"t/theirs": "T"})
    words = [here / "t", far] if command == "put" else [far / "t", here]
    ran = fleetctl(command, "-r", "--delete", "-i", one, *words)
    assert ran.exit_code == 2
    assert "nothing was deleted" in ran.stderr
    assert texts(far) == {"t/theirs": "T"}
    with fleetctl.on_terminal(command, "-r", "--delete", "-i", one, *words) as running:
        running.wait_for("?")
        running.type("n\n")
        assert running.finish().exit_code == 2
    assert (far / "t" / "theirs").exists()
    assert (here / "h001" / "t" / "mine").exists()
    with fleetctl.on_terminal(command, "-r", "--delete", "-i", one, *words) as running:
        running.wait_for("?")
        running.type("y\n")
        assert running.finish().exit_code == 0
    assert names(far / "t") == (["a"] if command == "put" else ["theirs"])
    assert (here / "h001" / "t" / "mine").exists() == (command == "put")


def test_delete_needs_a_directory(fleetctl: Fleetctl, one: Path, here: Path, far: Path) -> None:
    plant(here, {"a": "A"})
    assert fleetctl("put", "--delete", "-y", "-i", one, here / "a", far).exit_code == 2
    plant(far, {"a": "A"})
    assert fleetctl("get", "--delete", "-y", "-i", one, far / "a", here).exit_code == 2


def test_a_dry_run_of_put_tells_all_and_changes_nothing(fleetctl: Fleetctl, one: Path, here: Path, far: Path) -> None:
    plant(here, {"t/new": "N" * 2048, "t/same": "S", "t/sub/deep": "D", "t/link": "-> new"})
    plant(far, {"t/same": "S", "t/old": "O", "t/dir/x": ""})
    for path in (here / "t" / "same", far / "t" / "same"):
        age(path)
    before = seen(far)
    ran = fleetctl("put", "-r", "--delete", "--update", "--dry-run", "-N", "-i", one, here / "t", far)
    assert (ran.exit_code, seen(far)) == (0, before), ran.stderr
    assert f"would send {far}/t/new (2.0 KiB)" in ran.stdout
    assert f"would make the directory {far}/t/sub" in ran.stdout
    assert f"would link {far}/t/link" in ran.stdout
    assert f"{far}/t/same" not in ran.stdout  # what changes is not to drown in what does not
    assert "; 1 unchanged" in ran.stdout
    assert f"would delete {far}/t/old" in ran.stdout
    assert f"would delete {far}/t/dir" in ran.stdout
    ran = fleetctl("put", "-r", "--mkdir", "--dry-run", "-i", one, here / "t", far / "a" / "b")
    assert (ran.exit_code, seen(far)) == (0, before), ran.stderr


def test_a_dry_run_of_get_tells_all_and_changes_nothing(fleetctl: Fleetctl, one: Path, here: Path, far: Path) -> None:
    plant(far, {"t/new": "N" * 2048, "t/same": "S"})
    plant(here, {"h001/t/same": "S", "h001/t/old": "O"})
    for path in (here / "h001" / "t" / "same", far / "t" / "same"):
        age(path)
    before = seen(here)
    ran = fleetctl("get", "-r", "--delete", "--update", "--dry-run", "-v", "-N", "-i", one, far / "t", here)
    assert (ran.exit_code, seen(here)) == (0, before), ran.stderr
    for line in ("would fetch {}/new (2.0 KiB)", "would leave unchanged {}/same", "would delete {}/old"):
        assert line.format(here / "h001" / "t") in ran.stdout
    assert fleetctl("get", "-r", "--dry-run", "-i", one, far / "t", here / "not" / "yet").exit_code == 0
    assert seen(here) == before


def test_update_looks_at_size_and_time(fleetctl: Fleetctl, one: Path, here: Path, far: Path) -> None:
    plant(here, {"same": "here", "other": "here", "longer": "here"})
    plant(far, {"same": "far!", "other": "far!", "longer": "far"})
    for path in (*here.iterdir(), *far.iterdir()):
        age(path)
    age(here / "other", LONG_AGO + 1)
    ran = fleetctl("put", "--update", "-o", "json", "-i", one, *sorted(here.iterdir()), far)
    assert texts(far) == {"same": "far!", "other": "here", "longer": "here"}
    (host,) = ran.json["hosts"]
    assert {name: count for name, count in host["totals"].items() if count} == {"files": 2, "bytes": 8, "unchanged": 1}
    assert (far / "other").stat().st_mtime == LONG_AGO + 1
    ran = fleetctl("put", "--update", "-o", "json", "-i", one, *sorted(here.iterdir()), far)
    assert ran.json["hosts"][0]["totals"]["unchanged"] == 3
    back = here.parent / "back"
    for unchanged in (0, 3):
        ran = fleetctl("get", "--update", "-o", "json", "-i", one, f"{far}/*", back)
        assert ran.json["hosts"][0]["totals"]["unchanged"] == unchanged


def test_checksum_looks_at_the_content_alone(fleetctl: Fleetctl, one: Path, here: Path, far: Path) -> None:
    plant(here, {"same": "text", "other": "here", "-odd 'name'\n\udcff": "odd!"})
    plant(far, {"same": "text", "other": "far!", "-odd 'name'\n\udcff": "odd!"})
    for path in far.iterdir():
        age(path)
    ran = fleetctl("put", "-r", "--checksum", "-o", "json", "-i", one, f"{here}/", far)
    assert {name: count for name, count in ran.json["hosts"][0]["totals"].items() if count} == {
        "files": 1,
        "bytes": 4,
        "unchanged": 2,
    }
    assert (far / "same").stat().st_mtime == LONG_AGO
    assert texts(far)["other"] == "here"
    plant(here, {"h001/same": "text", "h001/other": "four"})
    ran = fleetctl("get", "--checksum", "-o", "json", "-i", one, far / "same", far / "other", here)
    assert ran.json["hosts"][0]["totals"]["unchanged"] == 1
    assert (here / "h001" / "other").read_text() == "here"
