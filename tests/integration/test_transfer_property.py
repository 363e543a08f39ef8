"""Any tree that is put and got back is the same: names of any bytes, content, modes, times and links."""

from __future__ import annotations

import os
import random
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleetctl.errors import NameRefused
from fleetctl.transfer.names import checked
from tests.support.fleetctl import Fleetctl
from tests.support.trees import seen

EXAMPLES = 12  # each is two processes and two logins


@dataclass(frozen=True)
class File:
    mode: int
    mtime: int
    size: int
    seed: int


@dataclass(frozen=True)
class Link:
    up: int
    down: tuple[bytes, ...]


@dataclass(frozen=True)
class Directory:
    mode: int
    mtime: int
    inside: dict[bytes, File | Link | Directory]


def _allowed(name: bytes) -> bool:
    try:
        checked(os.fsdecode(name))
    except NameRefused:
        return False
    return len(name) <= 255 and b"/" not in name


_text = st.text(st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="/"), min_size=1, max_size=60)
NAMES = st.one_of(
    _text.map(lambda text: text.encode()),
    st.binary(min_size=1, max_size=60),
    st.sampled_from([b"-rf", b" ", b"~", b"*", b"\\", b"\xff", b"a" * 255, b"...",
                     b"'\"", "ü".encode(), "u\u0308".encode()]),
).filter(_allowed)  # fmt: skip
TIMES = st.integers(0, 0xFFFF_FFFF)
FILES = st.builds(
    File,
    mode=st.integers(0, 0o777).map(lambda mode: mode | 0o400),  # the login user must be able to read it back
    mtime=TIMES,
    size=st.one_of(st.integers(0, 70_000), st.sampled_from([0, 1, 511, 512, 513, 32_768, 65_536])),
    seed=st.integers(0, 255),
)
LINKS = st.builds(Link, up=st.integers(0, 3), down=st.lists(NAMES, min_size=1, max_size=3).map(tuple))


def _directory(inside: st.SearchStrategy[File | Link | Directory]) -> st.SearchStrategy[Directory]:
    modes = st.integers(0, 0o777).map(lambda mode: mode | 0o500)
    return st.builds(Directory, mode=modes, mtime=TIMES, inside=st.dictionaries(NAMES, inside, max_size=6))


TREES = _directory(st.recursive(st.one_of(FILES, LINKS), _directory, max_leaves=20))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("via", ["sftp", "tar"])
@settings(
    max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)  # fmt: skip
@given(tree=TREES, name=NAMES)
def test_a_tree_comes_back_as_it_went(
    fleetctl: Fleetctl, one: Path, here: Path, far: Path, via: str, tree: Directory, name: bytes
) -> None:
    top = here / "sent" / os.fsdecode(name)
    _write(top, tree, 0)
    try:
        put = fleetctl("put", "-rp", "--via", via, "-i", one, "--", f"{top}", far / "tree")
        assert put.exit_code == 0, put.stderr
        assert seen(far / "tree") == seen(top)
        got = fleetctl("get", "-rp", "--via", via, "-i", one, "--", far / "tree", here / "back")
        assert got.exit_code == 0, got.stderr
        assert seen(here / "back" / "h001" / "tree") == seen(top)
    finally:
        for directory in (here / "sent", here / "back", far / "tree"):
            _remove(directory)


def _write(path: Path, tree: Directory, depth: int) -> None:
    path.mkdir(parents=True)
    for name, item in tree.inside.items():
        inside = path / os.fsdecode(name)
        if isinstance(item, Directory):
            _write(inside, item, depth + 1)
        elif isinstance(item, Link):
            target = b"/".join([b".."] * min(item.up, depth) + list(item.down))
            inside.symlink_to(os.fsdecode(target))
        else:
            inside.write_bytes(random.Random(item.seed).randbytes(item.size))
            inside.chmod(item.mode)
            os.utime(inside, (item.mtime, item.mtime))
    path.chmod(tree.mode)
    os.utime(path, (tree.mtime, tree.mtime))


def _remove(top: Path) -> None:
    if top.exists():
        for directory, _, _ in os.walk(top):
            Path(directory).chmod(0o700)
        shutil.rmtree(top)
