"""Trouble of our own, while nothing is wrong with any host: every host is done as ever, and all is told of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest

from fleetctl.history.database import create
from fleetctl.history.place import Place
from tests.support.accounts import output, settled
from tests.support.fleetctl import Fleetctl
from tests.support.running import Running
from tests.support.small_disk import small_disk
from tests.support.sshd import Sshd
from tests.support.trees import plant, texts

HOSTS = ("h001", "h002", "h003")
SAID = b"".join(b"%d\n" % number for number in range(1, 30_001))
FILES = {f"{number:03}-{'x' * 100}": f"{number}" for number in range(120)}
LONGEST_SECONDS = 120.0
NOT_KEPT = "history is not kept"

_JUMPS = """
import itertools, time
day, jumps, true_time = 86400, itertools.cycle((0, 400, -400, 1)), time.time
time.time = lambda: true_time() + day * next(jumps)
"""
"""For Python to run before anything else: the wall clock goes a year ahead, and back, each time it is looked at."""


@contextmanager
def locked_history(home: Path) -> Iterator[Mapping[str, str]]:
    place = Place(home / ".local/state/fleetctl/history.db")
    create(place)
    with closing(sqlite3.connect(place.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield {}


@contextmanager
def full_disk(home: Path) -> Iterator[Mapping[str, str]]:
    (home / ".local").mkdir()
    with small_disk(home / ".local/state", 1) as disk:
        with (disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
            while filler.write(bytes(4096)):
                pass
        yield {}


@contextmanager
def jumping_clock(home: Path) -> Iterator[Mapping[str, str]]:
    (home / "sitecustomize.py").write_text(_JUMPS)
    yield {"PYTHONPATH": str(home)}


@contextmanager
def slow_reader(_home: Path) -> Iterator[Mapping[str, str]]:
    yield {}


Trouble = Callable[[Path], AbstractContextManager[Mapping[str, str]]]


@pytest.mark.parametrize("trouble", [locked_history, full_disk, jumping_clock, slow_reader])
def test_trouble_of_ours_costs_no_host_anything(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, here: Path, far: Path, trouble: Trouble
) -> None:
    """All operations at once, so that whoever waits does it beside the others."""
    inventory = sshd.inventory(tmp_path, len(HOSTS))
    plant(here / "up", FILES)
    plant(far / "down", FILES)
    words: Mapping[str, tuple[str | Path, ...]] = {
        "run": ("seq 30000",),
        "put": ("-r", here / "up", far.name),
        "get": ("-r", f"{far.name}/down", here),
        "ping": (),
    }
    with trouble(fleetctl.home) as env, ExitStack() as stack:
        started: dict[str, Running] = {
            operation: stack.enter_context(fleetctl.start(operation, "-o", "ndjson", "-i", inventory, *more, env=env))
            for operation, more in words.items()
        }
        if trouble is slow_reader:
            for operation in ("run", "put", "get"):
                started[operation].wait_until_stuck()
        ends = {operation: running.finish(60) for operation, running in started.items()}
    for operation, ran in ends.items():
        assert ran.exit_code == 0, ran.stderr
        outcomes = settled(ran.events, HOSTS)
        assert {outcome["status"] for outcome in outcomes.values()} == {"ok"}
        assert all(0 <= outcome["seconds"] < LONGEST_SECONDS for outcome in outcomes.values())
        assert all(0 <= event["at"] < LONGEST_SECONDS for event in ran.events)
        assert ran.stderr.count(NOT_KEPT) == (trouble in {locked_history, full_disk}), operation
    assert all(output(ends["run"].events, host) == SAID for host in HOSTS)
    assert texts(far / "up") == FILES
    assert all(texts(here / host / "down") == FILES for host in HOSTS)
