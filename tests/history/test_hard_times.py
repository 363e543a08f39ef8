"""History when something is wrong: killed writers, several of them, a database that is full, locked, damaged or newer.

A run always goes on, and is told once that it is not kept.
"""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event as Flag
from threading import Thread

import pytest

from fleetctl.errors import HistoryError
from fleetctl.events import HostFinished, Output, RunFinished, Status
from fleetctl.history import database, recorder
from fleetctl.history.history import History
from fleetctl.history.keeping import HEAD, TAIL
from fleetctl.history.recorder import Recorder
from fleetctl.history.records import Retention
from tests.support.recording import FOR_EVER, OK, ORIGIN, of_hosts, record, start_endless
from tests.support.small_disk import small_disk

RUN = "20260101-000000-abcdef"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "history.db"


def test_a_kill_at_any_moment_leaves_a_history_of_what_was_done_until_then(path: Path) -> None:
    rng = random.Random(5)
    for number in range(3):
        run = f"run-{number}"
        with start_endless(path, run) as writer:
            assert writer.stdout is not None
            told = [writer.stdout.readline().strip() for _ in range(1 + rng.randrange(900))]
            with History(path) as history:
                assert history.run(run).alive
            writer.kill()
            ended = told[1:] + writer.stdout.read().splitlines()
        with History(path) as history:
            record = history.run(run)
            assert (record.hosts, record.alive, record.seconds) == (2000, False, None)
            known = [host for host, outcome in history.outcomes(run).items() if outcome == OK]
            assert known == ended[: len(known)]
            assert record.counts == ({Status.OK: len(known)} if known else {})
            assert record.unfinished == 2000 - len(known)
            events = list(history.events(run))
        said = {event.host: event.data for event in events if isinstance(event, Output)}
        assert all(said[host] == host.encode() * 10 for host in known)
        ends = {event.host: event.outcome for event in events if isinstance(event, HostFinished)}
        assert len(ends) == 2000
        open_ends = {outcome.error.code for host, outcome in ends.items() if outcome != OK and outcome.error}
        assert open_ends == {"not-recorded"}
        assert isinstance(events[-1], RunFinished)
        assert events[-1].cancelled == "the process that ran it is gone"
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_what_a_killed_run_left_of_a_long_output_is_told_from_its_file(path: Path) -> None:
    data = b"".join(b"%07d\n" % number for number in range(60_000))
    events = of_hosts(RUN, ["a"], data)[:3]
    record(path, events)
    with History(path) as history:
        said = b"".join(event.data for event in history.events(RUN) if isinstance(event, Output))
    omitted = len(data) - HEAD - TAIL
    assert said.startswith(data[:HEAD] + f"\n[fleetctl: {omitted:,} bytes are left out here; all of it is in ".encode())
    assert said.endswith(b"]\n" + data[-TAIL:])


def test_several_processes_write_at_once(path: Path) -> None:
    hosts = [f"h{number}" for number in range(50)]
    warned: list[list[str]] = []

    def write(number: int) -> None:
        warned.append(record(path, of_hosts(f"run-{number}", hosts, b"x" * 1000)))

    writers = [Thread(target=write, args=(number,)) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(30)
    assert warned == [[]] * 8
    with History(path) as history:
        assert sorted(run.id for run in history.runs()) == [f"run-{number}" for number in range(8)]
        assert all(run.counts == {Status.OK: 50} for run in history.runs())


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def test_a_locked_history_is_written_when_it_is_free_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record(path, of_hosts("before", ["a"]))
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    monkeypatch.setattr(recorder, "_RETRY_SECONDS", 0.05)
    warned: list[str] = []
    told = Flag()

    def warn(text: str) -> None:
        warned.append(text)
        told.set()

    kept = Recorder(path, ORIGIN, warn=warn, retention=FOR_EVER)
    begun, *others = of_hosts(RUN, ["a", "b"], b"x" * 100_000)
    with locked(path):
        kept.show(begun)
        assert told.wait(0)
        for event in others:
            kept.show(event)
    kept.close()
    assert warned == [f"history is not kept: another process holds {path}"]
    with History(path) as history:
        assert history.run(RUN).counts == {Status.OK: 2}
        assert sum(len(event.data) for event in history.events(RUN) if isinstance(event, Output)) == 200_000


def test_a_history_that_stays_locked_fails_no_run(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record(path, of_hosts("before", ["a"]))
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    monkeypatch.setattr(recorder, "_LAST_PATIENCE_MILLISECONDS", 50)
    with locked(path):
        warned = record(path, of_hosts(RUN, ["a"], *[os.urandom(1_000_000) for _ in range(40)]))
    assert warned == [f"history is not kept: another process holds {path}"]
    with History(path) as history:
        assert [run.id for run in history.runs()] == ["before"]


def test_a_full_disk_fails_no_run_and_leaves_a_history_that_can_be_read(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1) as disk:
        path = disk / "history.db"
        assert record(path, of_hosts("before", ["a"])) == []
        warned = record(path, of_hosts(RUN, [f"h{number}" for number in range(20)], os.urandom(200_000)))
        assert warned == [f"history is not kept: there is no room for {path}"]
        with History(path) as history:
            assert [run.id for run in history.runs()][-1] == "before"


def test_a_damaged_history_is_put_aside_and_a_new_one_begun(path: Path) -> None:
    record(path, of_hosts("before", ["a"]))
    path.write_bytes(b"no database at all " * 1000)
    with pytest.raises(HistoryError, match="is no history"):
        History(path)
    (warned,) = record(path, of_hosts(RUN, ["a"]))
    assert "the history was damaged" in warned
    (aside,) = path.parent.glob("history.db.damaged-*")
    assert str(aside) in warned
    assert aside.read_bytes().startswith(b"no database at all")
    with History(path) as history:
        assert [run.id for run in history.runs()] == [RUN]


def test_a_history_of_a_newer_fleetctl_is_left_alone(path: Path) -> None:
    record(path, of_hosts("before", ["a"]))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    (warned,) = record(path, of_hosts(RUN, ["a"]))
    assert warned.startswith("history is not kept: ")
    assert "newer fleetctl (schema 99" in warned
    with pytest.raises(HistoryError, match="newer fleetctl") as refused:
        History(path)
    assert "move the file away" in refused.value.hint
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT id FROM runs").fetchall() == [("before",)]


def test_an_older_history_becomes_the_newest(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record(path, of_hosts("before", ["a"]))
    monkeypatch.setattr(database, "MIGRATIONS", (*database.MIGRATIONS, ("ALTER TABLE runs ADD COLUMN mood TEXT",)))
    assert record(path, of_hosts(RUN, ["a"])) == []
    with History(path) as history:
        assert len(history.runs()) == 2
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)
        assert connection.execute("SELECT mood FROM runs").fetchall() == [(None,), (None,)]


def test_a_disk_that_is_read_only_fails_no_run(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1) as disk:
        path = disk / "history.db"
        record(path, of_hosts("before", ["a"]))
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True, timeout=30)
        (warned,) = record(path, of_hosts(RUN, ["a"]))
        assert warned.startswith("history is not kept: ")
        assert str(disk) in warned
        with History(path) as history:
            assert [run.id for run in history.runs()] == ["before"]


def test_a_place_that_cannot_be_written_fails_no_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "history.db"
    (warned,) = record(path, of_hosts(RUN, ["a"]))
    assert warned.startswith("history is not kept: ")
    assert "Not a directory" in warned or "File exists" in warned


def test_a_system_without_threads_fails_no_run(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(Thread, "start", refuse)
    assert record(path, of_hosts(RUN, ["a"])) == ["history is not kept: can't start new thread"]


def test_runs_go_when_they_are_too_many_too_old_or_too_large(path: Path) -> None:
    now = time.time()

    def kept() -> list[str]:
        with History(path) as history:
            return [run.id for run in reversed(history.runs())]

    with start_endless(path, "alive") as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "begun\n"
        long = b"x" * (HEAD + TAIL + 1)
        for number in range(3):
            record(path, of_hosts(f"run-{number}", ["a"], long, started=now))
        outputs = path.parent / "outputs"
        assert sorted(one.name for one in outputs.iterdir()) == ["run-0", "run-1", "run-2"]
        record(path, of_hosts("run-3", ["a"], started=now), retention=Retention(runs=4))
        assert kept() == ["alive", "run-1", "run-2", "run-3"]
        assert sorted(one.name for one in outputs.iterdir()) == ["run-1", "run-2"]
        large = of_hosts("run-4", ["a"], os.urandom(100_000), started=now - 9 * 86400)
        record(path, large, retention=Retention(bytes=1))
        assert kept() == ["alive", "run-4"]
        record(path, of_hosts("run-5", ["a"], started=now), retention=Retention(days=8))
        assert kept() == ["alive", "run-5"]
        writer.kill()
    assert [one.name for one in (path.parent / "running").iterdir()] == ["alive"]
    record(path, of_hosts("run-6", ["a"], started=now), retention=Retention(days=8))
    assert kept() == ["run-5", "run-6"]
    assert list((path.parent / "running").iterdir()) == []
    with closing(sqlite3.connect(path)) as connection:
        for table in ("hosts", "pieces"):
            rows = connection.execute(f"SELECT DISTINCT id FROM {table} LEFT JOIN runs ON run = runs.number").fetchall()
            assert set(rows) <= {("run-5",), ("run-6",)}
