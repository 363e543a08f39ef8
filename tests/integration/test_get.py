"""`fleetctl get` on a real sshd: what becomes of which file, host by host, and what is refused before it begins."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.fleetctl import Fleetctl
from tests.support.sshd import Sshd, SshdStarter
from tests.support.trees import empty, names, parts, plant, texts

TREE = {"one.conf": "1", "two.txt": "22", "sub/three.conf": "333", "sub/deep/four.txt": "4444", "hollow/": ""}


@pytest.fixture
def tree(far: Path) -> Path:
    return plant(far / "app", TREE)


def test_every_host_has_a_directory_of_its_own(fleetctl: Fleetctl, three: Path, far: Path, here: Path) -> None:
    plant(far, {"a": "A", "b": "B"})
    ran = fleetctl("get", "-i", three, far / "a", far / "b", here / "new" / "deep")
    assert ran.exit_code == 0, ran.stderr
    assert texts(here) == {f"new/deep/h00{n}/{name}": name.upper() for n in (1, 2, 3) for name in "ab"}
    assert "h001: 2 files, 2 bytes fetched" in ran.stdout


def test_relative_paths_begin_at_home_there_and_here(fleetctl: Fleetctl, one: Path, far: Path, here: Path) -> None:
    plant(far, {"a": "A"})
    for source in (f"{far.name}/a", f"~/{far.name}/a", f"./{far.name}/a"):
        ran = fleetctl("get", "-i", one, source, "out", cwd=here)
        assert (ran.exit_code, texts(here)) == (0, {"out/h001/a": "A"}), ran.stderr
        empty(here)


def test_as_says_what_a_file_becomes(fleetctl: Fleetctl, three: Path, far: Path, here: Path) -> None:
    plant(far, {"a": "A", "b": "B"})
    assert fleetctl("get", "--as", "{host}-{name}", "-i", three, far / "a", far / "b", here).exit_code == 0
    assert texts(here) == {f"h00{n}-{name}": name.upper() for n in (1, 2, 3) for name in "ab"}
    empty(here)
    assert fleetctl("get", "--as", "{host}/etc/{name}.old", "-i", three, far / "a", here).exit_code == 0
    assert texts(here) == {f"h00{n}/etc/a.old": "A" for n in (1, 2, 3)}


@pytest.mark.parametrize(
    "template", ["{name}", "same", "{name}/{host}x/../y", "/etc/{host}", "{host}/{date}", "a//{host}"]
)
def test_files_that_would_meet_are_refused_before_anything_is_fetched(
    fleetctl: Fleetctl, three: Path, far: Path, here: Path, sshd: Sshd, template: str
) -> None:
    plant(far, {"a": "A"})
    before = sshd.log
    ran = fleetctl("get", "--as", template, "-i", three, far / "a", here)
    assert (ran.exit_code, names(here), sshd.log) == (2, [], before)
    assert "--as" in ran.stderr


def test_two_sources_of_one_name_are_refused(fleetctl: Fleetctl, one: Path, far: Path, here: Path) -> None:
    plant(far, {"x/a": "1", "y/a": "2"})
    ran = fleetctl("get", "-i", one, far / "x" / "a", far / "y" / "a", here)
    assert (ran.exit_code, names(here)) == (2, [])
    assert "would both become h001/a" in ran.stderr
    for words in ([f"{far}/*/a"], ["-r", f"{far}/x/", f"{far}/y/"]):
        ran = fleetctl("get", "-i", one, *words, here)
        assert ran.exit_code == 1
        assert "would both become" in ran.stderr
        assert texts(here) == {}


def test_the_contents_of_two_hosts_never_mix(fleetctl: Fleetctl, three: Path, tree: Path, here: Path) -> None:
    ran = fleetctl("get", "-r", "--as", "{host}-{name}", "-i", three, f"{tree}/", here)
    assert (ran.exit_code, names(here)) == (2, [])
    assert fleetctl("get", "-r", "-i", three, f"{tree}/", here).exit_code == 0
    assert set(texts(here)) == {f"h00{n}/{name}" for n in (1, 2, 3) for name in TREE if name[-1] != "/"}


@pytest.mark.parametrize(
    ("template", "place"), [("{host}.d", "{}.d"), ("{host}/one", "{}/one"), ("all/{host}/{name}", "all/{}")]
)
@pytest.mark.parametrize("via", ["sftp", "tar"])
def test_as_names_the_directory_that_contents_go_into(
    fleetctl: Fleetctl, three: Path, tree: Path, here: Path, template: str, place: str, via: str
) -> None:
    ran = fleetctl("get", "-r", "--via", via, "--as", template, "-i", three, f"{tree}/", here / "g")
    assert ran.exit_code == 0, ran.stderr
    places = [place.format(host) for host in ("h001", "h002", "h003")]
    assert texts(here / "g") == {f"{top}/{name}": text for top in places for name, text in texts(tree).items()}
    (here / "g" / places[0] / "one.conf").write_text("changed")
    (here / "g" / places[0] / "old").write_text("")
    ran = fleetctl("get", "-r", "--delete", "-y", "--as", template, "-i", three, f"{tree}/", here / "g")
    assert ran.exit_code == 0, ran.stderr
    assert texts(here / "g") == {f"{top}/{name}": text for top in places for name, text in texts(tree).items()}


def test_a_strange_host_name_leads_nowhere(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, far: Path, here: Path
) -> None:
    plant(far, {"a": "A"})
    inventory = sshd.inventory(tmp_path, 2)
    inventory.write_text(inventory.read_text().replace("h001:", "'::1':").replace("h002:", "..:"))
    ran = fleetctl("get", "-i", inventory, far / "a", here)
    if ran.exit_code == 0:  # an inventory may refuse such names, too
        assert texts(here) == {"%3A%3A1/a": "A", "%2E%2E/a": "A"}
    assert texts(here.parent / "home") == {}
    assert names(here.parent).count("a") == 0


def test_globs_are_those_of_the_host(fleetctl: Fleetctl, one: Path, tree: Path, here: Path) -> None:
    plant(tree, {".hidden.conf": "no"})
    assert fleetctl("get", "-i", one, f"{tree}/*.conf", here).exit_code == 0
    assert texts(here) == {"h001/one.conf": "1"}
    assert fleetctl("get", "-i", one, f"{tree}/**/*.conf", here).exit_code == 0
    assert texts(here) == {"h001/one.conf": "1", "h001/three.conf": "333"}
    empty(here)
    assert fleetctl("get", "-i", one, f"{tree.parent.name}/a?p/[!t]*.conf", here).exit_code == 0
    assert texts(here) == {"h001/one.conf": "1"}


def test_a_glob_that_matches_nothing_is_an_error(fleetctl: Fleetctl, one: Path, tree: Path, here: Path) -> None:
    ran = fleetctl("get", "-i", one, f"{tree}/*.nothing", here)
    assert (ran.exit_code, names(here)) == (1, [])
    assert "nothing matches" in ran.stderr


def test_a_name_that_nobody_asked_for_does_not_spoil_a_glob(
    fleetctl: Fleetctl, one: Path, far: Path, here: Path
) -> None:
    plant(far, {"a.conf": "A", "aux": "a device elsewhere", "two\nlines": "", "con/x.conf": ""})
    assert fleetctl("get", "-i", one, f"{far}/*.conf", here).exit_code == 0
    assert texts(here) == {"h001/a.conf": "A"}
    ran = fleetctl("get", "-i", one, f"{far}/*", here)
    assert ran.exit_code == 1
    assert "name" in ran.stderr


def test_a_backslash_takes_the_meaning_from_a_star(fleetctl: Fleetctl, one: Path, far: Path, here: Path) -> None:
    plant(far, {"*": "star", "[x]": "set", "x": "plain"})
    assert fleetctl("get", "-i", one, rf"{far}/\*", rf"{far}/\[x\]", here).exit_code == 0
    assert texts(here) == {"h001/*": "star", "h001/[x]": "set"}


@pytest.mark.parametrize(
    ("source", "top"), [("app", "h001/app/"), ("app/", "h001/"), ("app/.", "h001/"), ("app//", "h001/")]
)
@pytest.mark.parametrize("via", ["sftp", "tar"])
def test_directories_land_as_rsync_has_them(
    fleetctl: Fleetctl, one: Path, tree: Path, here: Path, source: str, top: str, via: str
) -> None:
    ran = fleetctl("get", "-r", "--via", via, "-i", one, f"{tree.parent}/{source}", here)
    assert ran.exit_code == 0, ran.stderr
    above = ["h001", *(["h001/app"] if "app" in top else [])]
    assert names(here) == sorted([*above, *(f"{top}{name}" for name in names(tree))])
    assert "4 files, 10 bytes fetched" in ran.stdout


@pytest.mark.parametrize("source", ["~", "~/", ".", "./", "far/.."])
def test_the_home_itself_is_its_contents(
    fleetctl: Fleetctl, start_home: tuple[Path, Path], here: Path, source: str
) -> None:
    inventory, home = start_home
    plant(home, {"x": "X", "far/y": "Y"})
    ran = fleetctl("get", "-r", "-i", inventory, source, here)
    assert ran.exit_code == 0, ran.stderr
    assert texts(here) == {"h001/x": "X", "h001/far/y": "Y"}


@pytest.fixture
def start_home(start_sshd: SshdStarter, far: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A server whose sessions begin in `far`, and its inventory."""
    return start_sshd(f"ForceCommand internal-sftp -d {far}").inventory(tmp_path, 1), far


def test_a_directory_needs_to_be_wanted(fleetctl: Fleetctl, one: Path, tree: Path, here: Path) -> None:
    ran = fleetctl("get", "-i", one, tree, here)
    assert (ran.exit_code, names(here)) == (1, [])
    assert "is a directory" in ran.stderr
    assert "add -r" in ran.stderr


def test_what_is_not_there_is_told(fleetctl: Fleetctl, one: Path, far: Path, here: Path) -> None:
    plant(far, {"a": "A"})
    ran = fleetctl("get", "-o", "json", "-i", one, far / "a", far / "b", here)
    (host,) = ran.json["hosts"]
    assert (ran.exit_code, host["error"]["code"]) == (1, "no-such-file")
    assert f"{far}/b" in host["error"]["message"]
    assert "see the spelling" in host["error"]["hint"]
    assert texts(here) == {}


def test_a_link_that_is_named_is_followed(fleetctl: Fleetctl, one: Path, far: Path, here: Path) -> None:
    plant(far, {"real/file": "R", "link": "-> real/file", "dir": "-> real"})
    assert fleetctl("get", "-r", "-i", one, far / "link", far / "dir", here).exit_code == 0
    assert texts(here) == {"h001/link": "R", "h001/dir/file": "R"}
    assert not (here / "h001" / "dir").is_symlink()


def test_a_link_here_is_not_written_through(fleetctl: Fleetctl, one: Path, far: Path, here: Path) -> None:
    plant(far, {"t/a": "new", "t/sub/b": "new"})
    plant(here, {"out/h001/t/a": "-> ../../../victim", "victim": "old", "elsewhere/": "", "out/h001/t/sub": "-> /tmp"})
    ran = fleetctl("get", "-r", "-i", one, far / "t", here / "out")
    assert ran.exit_code == 1  # a link stands where a directory is to be
    assert (here / "victim").read_text() == "old"
    assert not (here / "out/h001/t/a").is_symlink()
    assert (here / "out/h001/t/a").read_text() == "new"


def test_a_file_here_is_not_a_place_for_hosts(fleetctl: Fleetctl, one: Path, far: Path, here: Path, sshd: Sshd) -> None:
    plant(far, {"a": "A"})
    plant(here, {"out": "a file"})
    before = sshd.log
    for local in ("out", "out/deeper"):
        ran = fleetctl("get", "-i", one, far / "a", here / local)
        assert (ran.exit_code, sshd.log, texts(here)) == (2, before, {"out": "a file"})
        assert f"{here}/out is no directory" in ran.stderr
        assert "LOCAL is a directory, with one for each host; --as '{host}-{name}' names files otherwise" in ran.stderr
    plant(here, {"dir/h001/a/": ""})
    ran = fleetctl("get", "-i", one, far / "a", here / "dir")
    assert ran.exit_code == 1
    assert "directory" in ran.stderr


def test_one_file_that_may_not_be_read_does_not_hold_up_the_others(
    fleetctl: Fleetctl, one: Path, far: Path, here: Path
) -> None:
    many = {f"t/{n:02}": f"{n:02}" for n in range(40)}
    plant(far, many | {"t/shut/x": "x"})
    (far / "t" / "07").chmod(0)
    (far / "t" / "shut").chmod(0)
    ran = fleetctl("get", "-r", "-o", "json", "-i", one, far / "t", here)
    (host,) = ran.json["hosts"]
    assert (ran.exit_code, host["status"], host["error"]["code"]) == (1, "failed", "access-denied")
    assert {name: count for name, count in host["totals"].items() if count} == {
        "files": 39, "bytes": 78, "failed": 2, "made": 2
    }  # fmt: skip
    assert "t/07" in host["stderr"]
    assert texts(here) == {f"h001/{name}": text for name, text in many.items() if name != "t/07"}
    assert parts(here) == []
    (far / "t" / "shut").chmod(0o700)


def test_set_user_id_bits_of_a_host_mean_nothing_here(fleetctl: Fleetctl, one: Path, far: Path, here: Path) -> None:
    plant(far, {"t/tool": "x", "t/dir/": ""})
    (far / "t" / "tool").chmod(0o6755)
    (far / "t" / "dir").chmod(0o3755)
    for via in ("sftp", "tar"):
        assert fleetctl("get", "-rp", "--via", via, "-i", one, far / "t", here).exit_code == 0
        assert (here / "h001/t/tool").stat().st_mode & 0o7777 == 0o755
        assert (here / "h001/t/dir").stat().st_mode & 0o7777 == 0o755
        empty(here)


def test_a_secret_file_stays_private(fleetctl: Fleetctl, one: Path, far: Path, here: Path) -> None:
    plant(far, {"key": b"x" * 3_000_000})
    (far / "key").chmod(0o600)
    with fleetctl.start("get", "--limit", "400k", "-o", "ndjson", "-i", one, far / "key", here) as running:
        running.wait_for('"bytes":1')
        (part,) = parts(here)
        mode = (here / part).stat().st_mode & 0o7777
    assert mode == 0o600


def test_a_replaced_file_keeps_its_mode(fleetctl: Fleetctl, one: Path, far: Path, here: Path) -> None:
    plant(far, {"a": "new"})
    plant(here, {"h001/a": "old"})
    (here / "h001" / "a").chmod(0o640)
    assert fleetctl("get", "-i", one, far / "a", here).exit_code == 0
    assert (here / "h001" / "a").stat().st_mode & 0o7777 == 0o640
    assert texts(here) == {"h001/a": "new"}


def test_a_new_file_gets_the_mode_that_the_umask_leaves(fleetctl: Fleetctl, one: Path, far: Path, here: Path) -> None:
    plant(far, {"a": "new"})
    (far / "a").chmod(0o777)
    old = os.umask(0o027)
    try:
        assert fleetctl("get", "-i", one, far / "a", here).exit_code == 0
    finally:
        os.umask(old)
    assert (here / "h001" / "a").stat().st_mode & 0o7777 == 0o750


def test_put_per_host_is_the_way_back(fleetctl: Fleetctl, three: Path, far: Path, here: Path) -> None:
    for n in (1, 2, 3):
        plant(here, {f"h00{n}/only-h00{n}": str(n), f"h00{n}/sub/of-h00{n}": str(n)})
    ran = fleetctl("put", "--per-host", "-i", three, here, far)
    assert ran.exit_code == 0, ran.stderr
    assert texts(far) == {name.partition("/")[2]: text for name, text in texts(here).items()}
    empty(here)
    assert fleetctl("get", "-r", "-i", three, f"{far}/", here).exit_code == 0
    assert fleetctl("put", "--per-host", "--update", "-i", three, here, far).exit_code == 0


def test_put_per_host_needs_a_directory_for_each(fleetctl: Fleetctl, three: Path, far: Path, here: Path) -> None:
    plant(here, {"h001/a": "1", "h003/a": "3"})
    ran = fleetctl("put", "--per-host", "-i", three, here, far)
    assert (ran.exit_code, names(far)) == (2, [])
    assert "-x h002" in ran.stderr


def test_an_unreachable_host_does_not_hold_up_the_others(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, far: Path, here: Path
) -> None:
    plant(far, {"a": "A"})
    inventory = sshd.inventory(tmp_path, 2)
    inventory.write_text(inventory.read_text().replace("address: 127.0.1.2", "address: 127.0.1.2\n    port: 1"))
    ran = fleetctl("get", "-i", inventory, far / "a", here)
    assert (ran.exit_code, texts(here)) == (3, {"h001/a": "A"})
