"""How files arrive here: what a landing does to what is there already, and what it leaves alone."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleetctl.transfer.landing import Arriving, Landing
from fleetctl.transfer.plan import Present, Step
from fleetctl.transfer.tree import Entry
from tests.support.trees import LONG_AGO, age, names, plant, texts


@pytest.fixture
def landing(tmp_path: Path) -> Iterator[Landing]:
    with Landing(str(tmp_path / "top")) as landing:
        yield landing


def arrive(landing: Landing, step: Step, content: bytes = b"new") -> Arriving:
    """All of a file, under its temporary name."""
    arriving = landing.begin(step, resume=False)
    arriving.write(0, [memoryview(content)])
    landing.end(arriving, len(content))
    return arriving


def moved(*, size: int = 3, mode: int = 0o644, exact: bool = False, replaced: Present | None = None) -> Step:
    return Step("move", Entry("a", "file", size, LONG_AGO), mode, exact, replaced)


def test_a_file_that_has_ended_is_dropped_without_closing_what_another_thread_has_opened_since(
    landing: Landing, tmp_path: Path
) -> None:
    arriving = landing.begin(moved(), resume=False)
    number = arriving.descriptor
    landing.end(arriving, 0)
    other = os.open(tmp_path, os.O_RDONLY)
    if other != number:
        os.dup2(other, number)
    landing.drop(arriving, keep=False)
    os.fstat(number)
    for descriptor in {other, number}:
        os.close(descriptor)


def test_a_backup_is_made_where_files_of_others_cannot_be_linked(
    landing: Landing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with fs.protected_hardlinks of Linux."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    plant(tmp_path / "top", {"a": "old"})
    monkeypatch.setattr(os, "link", refuse)
    landing.place(arrive(landing, moved(replaced=Present("file"))), mtime=None, backup=True)
    assert texts(tmp_path / "top") == {"a": "new", "a~": "old"}


def test_a_part_that_is_under_way_is_neither_cleaned_up_nor_gone_on_from(landing: Landing, tmp_path: Path) -> None:
    with Landing(landing.top) as other:
        writing = other.begin(moved(), resume=False)
        writing.write(0, [memoryview(b"ne")])
        mine = landing.begin(moved(), resume=True)
        assert mine.part != writing.part
        mine.write(0, [memoryview(b"new")])
        landing.end(mine, 3)
        landing.place(mine, mtime=None, backup=False)
        landing.clean(["a"])
        writing.write(2, [memoryview(b"w")])
        other.end(writing, 3)
        landing.clean(["a"])  # it waits to be put in place
        other.place(writing, mtime=None, backup=False)
    assert texts(tmp_path / "top") == {"a": "new"}


def test_a_part_that_nobody_writes_to_is_cleaned_up(landing: Landing, tmp_path: Path) -> None:
    landing.drop(landing.begin(moved(), resume=False), keep=True)
    age(tmp_path / "top" / arrive(landing, moved()).part)
    landing.link(Step("link", Entry("b", "link", target="c")), backup=False)
    plant(tmp_path / "top", {".a.0-0.01234567.part": "-> c", ".a.1-1.01234567.part": ""})
    landing.clean(["a"])
    assert names(tmp_path / "top") == ["b"]


@pytest.mark.parametrize(("old", "mode", "exact"), [(0o666, 0o600, False), (0o600, 0o644, False), (0o666, 0o640, True)])
def test_a_part_that_is_gone_on_from_has_the_mode_of_a_new_one(
    landing: Landing, tmp_path: Path, old: int, mode: int, exact: bool
) -> None:
    size = 20 * 1024 * 1024
    part = plant(tmp_path / "top", {f".a.{size}-{LONG_AGO}.01234567.part": ""}) / f".a.{size}-{LONG_AGO}.01234567.part"
    os.truncate(part, size - 1)
    part.chmod(old)
    arriving = landing.begin(moved(size=size, mode=mode, exact=exact), resume=True)
    assert 0 < arriving.begin < size
    assert names(tmp_path / "top") == [arriving.part]
    assert stat.S_IMODE((tmp_path / "top" / arriving.part).stat().st_mode) == mode
    landing.drop(arriving, keep=True)


@pytest.mark.parametrize("exact", [False, True])
def test_a_file_that_may_not_be_written_to_arrives_so(landing: Landing, tmp_path: Path, exact: bool) -> None:
    landing.place(arrive(landing, moved(mode=0o444, exact=exact)), mtime=None, backup=False)
    assert stat.S_IMODE((tmp_path / "top" / "a").stat().st_mode) == 0o444
