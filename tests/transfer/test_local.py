"""What words of the command line stand for here, and which tree they make."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fleetctl.errors import UsageError
from fleetctl.transfer.choices import Links
from fleetctl.transfer.local import expand, gather
from fleetctl.transfer.patterns import Filter
from fleetctl.transfer.tree import Skipped, Tree
from tests.support.trees import LONG_AGO, age, plant

_NOBODY = 65534


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where relative words begin: a directory that everybody may enter."""
    with tempfile.TemporaryDirectory() as directory:
        top = Path(directory).resolve()
        top.chmod(0o755)
        monkeypatch.chdir(top)
        yield top
        monkeypatch.undo()


@contextmanager
def stopped_by_permissions() -> Iterator[None]:
    """Be somebody whom permission bits stop: root becomes nobody for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.setresuid(_NOBODY, _NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


def tree_of(*sources: str, links: Links = "copy", choice: Filter | None = None) -> Tree:
    return gather(sources, recursive=True, links=links, choice=choice or Filter())


def paths(*sources: str, choice: Filter | None = None) -> list[str]:
    return [entry.path for entry in tree_of(*sources, choice=choice).entries]


# Words


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("t/*.conf", "t/a.conf t/b.conf"),
        ("t/.*", "t/.hidden"),
        ("t/[^a].conf", "t/b.conf"),
        ("t/*/", "t/s/"),
        ("t/**/*.conf", "t/a.conf t/b.conf t/s/c.conf t/s/d/e.conf"),
        ("t/**", "t/a.conf t/b.conf t/s t/s/c.conf t/s/d t/s/d/e.conf"),
        ("**/**/e.conf", "t/s/d/e.conf"),
        ("./?/a.conf", "./t/a.conf"),
        ("t/s/", "t/s/"),
    ],
)
def test_a_word_stands_for_what_a_shell_would_take(here: Path, word: str, found: str) -> None:
    plant(here, {"t/a.conf": "", "t/b.conf": "", "t/.hidden": "", "t/s/c.conf": "", "t/s/d/e.conf": "", "t/s/.x/f": ""})
    assert expand([word]) == found.split()


def test_a_name_that_looks_like_a_pattern_is_taken_as_it_is(here: Path) -> None:
    plant(here, {"a[1]": "", "a1": "", "b*": "", "bc": ""})
    assert expand(["a[1]", "b*"]) == ["a[1]", "b*"]
    assert expand([r"b\*", r"[b]\*"]) == ["b*", "b*"]


def test_a_tilde_is_the_home_directory(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(here))
    plant(here, {"a.conf": ""})
    assert expand(["~/*.conf"]) == [f"{here}/a.conf"]


@pytest.mark.parametrize("word", ["missing", "*.missing", "file/", "file/*", r"fi\le\*"])
def test_a_word_that_stands_for_nothing_is_named(here: Path, word: str) -> None:
    plant(here, {"file": ""})
    with pytest.raises(UsageError) as refused:
        expand([word])
    assert word in refused.value.message


@pytest.mark.timeout(20)
def test_links_in_circles_do_not_keep_a_pattern_busy(here: Path) -> None:
    plant(here, {"t/one": "-> .", "t/two": "-> .", "t/file": ""})
    assert expand(["**/file"]) == ["t/file"]
    assert expand(["t/*/file"]) == ["t/one/file", "t/two/file"]


def test_patterns_match_names_that_are_no_text(here: Path) -> None:
    name = os.fsdecode(b"\xff\n.conf")
    plant(here, {name: ""})
    assert expand(["*.conf"]) == [name]


# Trees


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("app", "app app/a app/conf app/conf/x"),
        ("app/", "a conf conf/x"),
        ("app/.", "a conf conf/x"),
        ("app/conf", "conf conf/x"),
        ("app/a", "a"),
    ],
)
def test_a_directory_keeps_its_name_unless_its_contents_are_meant(here: Path, source: str, expected: str) -> None:
    plant(here, {"app/conf/x": "", "app/a": ""})
    assert paths(source) == expected.split()


def test_an_entry_tells_all_that_is_known_of_a_file(here: Path) -> None:
    plant(here, {"app/x": "12345"})
    (here / "app/x").chmod(0o4751)
    age(here / "app/x")
    _, entry = tree_of("app").entries
    assert (entry.path, entry.kind, entry.size, entry.mtime, entry.mode) == ("app/x", "file", 5, LONG_AGO, 0o4751)
    assert entry.origin == str(here / "app/x")


def test_every_entry_knows_where_it_comes_from(here: Path) -> None:
    plant(here, {"app/conf/x": "", "b": ""})
    assert {entry.path: entry.origin for entry in tree_of("app", "b").entries} == {
        path: str(here / path) for path in ("app", "app/conf", "app/conf/x", "b")
    }


def test_names_of_any_bytes_are_taken(here: Path) -> None:
    name = os.fsdecode(b"\xff\xfe\n\\*")
    plant(here, {f"t/{name}/{name}": ""})
    assert paths("t") == ["t", f"t/{name}", f"t/{name}/{name}"]


def test_what_is_named_is_followed_where_it_is_a_link(here: Path) -> None:
    plant(here, {"real/x": "X", "directory": "-> real", "file": "-> real/x"})
    assert [(entry.path, entry.kind) for entry in tree_of("directory", "file").entries] == [
        ("directory", "directory"),
        ("directory/x", "file"),
        ("file", "file"),
    ]


LINKED = {"t/file": "F", "t/d/up": "-> ../file", "t/gone": "-> nowhere", "t/loop": "-> .", "t/self": "-> self"}


def test_links_in_trees_are_copied_as_they_are(here: Path) -> None:
    plant(here, LINKED)
    tree = tree_of("t/")
    targets = {entry.path: entry.target for entry in tree.entries if entry.kind == "link"}
    assert targets == {"d/up": "../file", "gone": "nowhere", "loop": ".", "self": "self"}
    assert not tree.skipped


def test_links_in_trees_are_followed_but_not_in_circles(here: Path) -> None:
    plant(here, LINKED)
    tree = tree_of("t/", links="follow")
    assert [(entry.path, entry.kind) for entry in tree.entries] == [
        ("d", "directory"),
        ("d/up", "file"),
        ("file", "file"),
    ]
    assert tree.skipped == (
        Skipped("gone", "a link that leads nowhere"),
        Skipped("loop", "a link to a directory that it is in"),
        Skipped("self", "a link that leads nowhere"),
    )


def test_links_in_trees_are_left_out_and_told(here: Path) -> None:
    plant(here, LINKED)
    tree = tree_of("t/", links="skip")
    assert [entry.path for entry in tree.entries] == ["d", "file"]
    assert [skipped.path for skipped in tree.skipped] == ["d/up", "gone", "loop", "self"]


def test_what_is_no_file_is_skipped_in_a_tree_and_refused_by_name(here: Path) -> None:
    plant(here, {"t/file": ""})
    os.mkfifo("t/fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("t/socket")
    tree = tree_of("t/")
    assert [entry.path for entry in tree.entries] == ["file"]
    assert tree.skipped == (Skipped("fifo", "not a regular file"), Skipped("socket", "not a regular file"))
    with pytest.raises(UsageError, match="t/fifo is not a regular file"):
        tree_of("t/fifo")


@pytest.mark.parametrize(
    ("exclude", "include", "expected"),
    [
        (("*.log",), (), "cache cache/keep cache/x sub sub/c"),
        (("cache/",), (), "a.log sub sub/b.log sub/c"),
        (("cache/",), ("keep",), "a.log cache cache/keep sub sub/b.log sub/c"),
        (("cache/", "sub"), ("keep",), "a.log cache cache/keep"),
        (("/*.log",), (), "cache cache/keep cache/x sub sub/b.log sub/c"),
        ((), ("*.log",), "a.log sub sub/b.log"),
        ((), ("nothing",), ""),
    ],
)
def test_a_directory_that_is_left_out_is_made_when_something_in_it_is_taken(
    here: Path, exclude: tuple[str, ...], include: tuple[str, ...], expected: str
) -> None:
    plant(here, {f"t/{name}": "" for name in ("a.log", "cache/x", "cache/keep", "sub/b.log", "sub/c")})
    assert paths("t/", choice=Filter(exclude, include)) == expected.split()
    assert paths("t", choice=Filter(exclude, include)) == ["t", *(f"t/{name}" for name in expected.split())]


# What is refused before anything is contacted


def test_a_directory_wants_the_option(here: Path) -> None:
    plant(here, {"t/x": ""})
    with pytest.raises(UsageError, match="t is a directory") as refused:
        gather(["t"], recursive=False, links="copy", choice=Filter())
    assert refused.value.hint == "add -r"


@pytest.mark.parametrize("sources", [("a/x", "b/x"), ("a/", "b/"), ("a/x", "b/")])
def test_two_sources_of_one_file_are_both_named(here: Path, sources: tuple[str, str]) -> None:
    plant(here, {"a/x": "", "b/x": ""})
    with pytest.raises(UsageError) as refused:
        tree_of(*sources)
    assert str(here / "a/x") in refused.value.message
    assert str(here / "b/x") in refused.value.message


@pytest.mark.parametrize(("closed", "bits", "named"), [("t/x", 0, "t/x"), ("t", 0, "t"), ("t", 0o444, "t/x")])
@pytest.mark.parametrize("links", ["copy", "follow"])
def test_what_cannot_be_read_is_named(here: Path, closed: str, bits: int, named: str, links: Links) -> None:
    plant(here, {"t/x": ""})
    (here / closed).chmod(bits)
    with stopped_by_permissions(), pytest.raises(UsageError, match="permission denied") as refused:
        tree_of("t", links=links)
    (here / closed).chmod(0o700)
    assert named in refused.value.message


def test_a_tree_without_end_is_refused(here: Path) -> None:
    plant(here, {"t/" + "d/" * 98 + "x": ""})
    assert len(paths("t")) == 100
    plant(here, {"t/" + "d/" * 100 + "x": ""})
    with pytest.raises(UsageError, match="more than 100 directories deep"):
        tree_of("t")
