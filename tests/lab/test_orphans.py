"""What a killed lab left running is found, and nothing else is."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fleetctl.lab import orphans
from fleetctl.lab.layout import Layout


@contextmanager
def sleeping(variables: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "1000"], env={"PATH": os.environ["PATH"], **variables}) as process:
        try:
            yield process
        finally:
            process.kill()


def test_only_the_commands_of_this_lab_are_ended(place: Path) -> None:
    ours, beside = Layout(place), Layout(place.with_name("lab2"))
    with (
        sleeping(orphans.mark(ours)) as orphan,
        sleeping(orphans.mark(beside)) as of_another_lab,
        sleeping({"HOME": str(place)}) as of_no_lab,
    ):
        assert orphans.end(ours) == 1
        assert orphan.wait(10) == -signal.SIGKILL
        assert of_another_lab.poll() is None
        assert of_no_lab.poll() is None


def test_labs_at_the_same_relative_path_are_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marks = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        marks.append(orphans.mark(Layout(Path("lab"))))
    assert marks[0] != marks[1]
