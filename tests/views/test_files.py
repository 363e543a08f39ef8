"""Saved output: byte for byte, one file per host and stream, of this run only."""

from __future__ import annotations

from io import FileIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from fleetctl.events import Event, HostStarted, Output
from fleetctl.views import SavedFiles, files
from tests.support.showing import begun, ended, over, play, refused, runs, said
from tests.views.moving import moving_runs


@given(run=runs() | moving_runs())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_files_hold_exactly_what_each_host_sent(run: list[Event], tmp_path: Path) -> None:
    play(SavedFiles(tmp_path), run)
    for event in run:
        if isinstance(event, HostStarted):
            for stream in ("stdout", "stderr"):
                sent = [e for e in run if isinstance(e, Output) and (e.host, e.stream) == (event.host, stream)]
                path = tmp_path / f"{event.host}.{stream}"
                assert (path.read_bytes() if path.exists() else b"") == b"".join(e.data for e in sent)


def test_stderr_has_a_file_only_where_there_was_any(tmp_path: Path) -> None:
    where = tmp_path / "new" / "dir"
    play(SavedFiles(where), over([begun("a"), HostStarted(host="a"), ended("a")]))
    assert [path.name for path in where.iterdir()] == ["a.stdout"]


def test_an_earlier_run_leaves_nothing_about_the_same_hosts(tmp_path: Path) -> None:
    first: list[Event] = [
        begun("a", "b"),
        said("a", "old"),
        said("a", "old", "stderr"),
        ended("a"),
        said("b", "old"),
        ended("b"),
    ]
    play(SavedFiles(tmp_path), over(first))
    (tmp_path / "other.stdout").write_bytes(b"not of this run")
    play(SavedFiles(tmp_path), over([begun("a", "b"), HostStarted(host="a"), ended("a"), refused("b")]))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "a.stdout": b"",
        "other.stdout": b"not of this run",
    }


def test_few_files_are_open_at_a_time_and_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_MOST_OPEN", 2)
    saved = SavedFiles(tmp_path)
    hosts = [f"h{n}" for n in range(6)]
    saved.show(begun(*hosts))
    for turn in range(3):
        for host in hosts:
            saved.show(said(host, f"{turn}"))
            assert len(saved._open) <= 2
    saved.close()
    assert [(tmp_path / f"{host}.stdout").read_text() for host in hosts] == ["012"] * 6


def test_a_name_stays_inside_the_directory(tmp_path: Path) -> None:
    where = tmp_path / "dir"
    play(SavedFiles(where), over([begun("../x"), said("../x", "data"), ended("../x")]))
    assert [path.parent for path in tmp_path.rglob("*x.stdout")] == [where]


def test_a_link_left_there_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("keep")
    (tmp_path / "a.stdout").symlink_to(tmp_path / "precious")
    play(SavedFiles(tmp_path), over([begun("a"), said("a", "data"), ended("a")]))
    assert (tmp_path / "precious").read_text() == "keep"


def test_a_full_disk_is_told() -> None:
    file = FileIO("/dev/full", "wb")
    with file, pytest.raises(OSError, match="No space"):
        files._write_all(file, b"x")
