"""How files arrive here: what a landing does to what is there already, and what it leaves alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleetctl.transfer.landing import Arriving, Landing
from fleetctl.transfer.plan import Present, Step
from fleetctl.transfer.tree import Entry
from tests.support.trees import LONG_AGO, plant, texts


@pytest.fixture
def landing(tmp_path: Path) -> Iterator[Landing]:
    with Landing(str(tmp_path / "top")) as landing:
        yield landing


def arrive(landing: Landing, step: Step, content: bytes = b"new") -> Arriving:
    """All of a file, under its temporary name."""
    arriving = landing.begin(step, resume=False)
    arriving.write(0, memoryview(content))
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
