"""`fleetctl history`, `show`, `compare` and `report`, on a history that was written for the tests."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from fleetctl.cli.listing import show_table
from fleetctl.cli.remembered import headline, state, trouble
from fleetctl.events import Event, HostFinished, RunFinished, Status
from fleetctl.history.recorder import Recorder
from fleetctl.history.records import Origin, RunRecord
from tests.cli.test_completion import offered
from tests.support.fleetctl import Fleetctl
from tests.support.showing import Paper
from tests.support.told_runs import told

OLD, NEW, DEAD = "20261101-101500-aaaaaa", "20261126-101500-bbbbbb", "20261126-111500-cccccc"
HOSTILE = b"<script>alert(1)</script>\x1b[2J\n"


def keep(home: Path, events: Iterable[Event], *argv: str, user: str = "anna") -> None:
    warned: list[str] = []
    origin = Origin(argv[0], argv, directory="/srv/fleet", user=user, machine="control", targets=("@web",))
    recorder = Recorder(home / ".local/state/fleetctl/history.db", origin, warn=warned.append)
    for event in events:
        recorder.show(event)
    recorder.close()
    assert warned == []


@pytest.fixture
def past(fleetctl: Fleetctl) -> Fleetctl:
    """Ten hosts a while ago, twelve of them today, and a run that never came to its end."""
    home, now = fleetctl.home, time.time()
    keep(home, told(10, run=OLD, started=now - 25 * 86_400), "run", "-t", "@web", "df", "-h", "/", user="ben")
    keep(home, told(12, run=NEW, started=now - 7200, shout=HOSTILE), "run", "-t", "@web", "df", "-h", "/")
    broken = [event for event in told(3, run=DEAD, started=now - 3600) if not isinstance(event, RunFinished)]
    last = next(event for event in reversed(broken) if isinstance(event, HostFinished))
    keep(home, [event for event in broken if event is not last], "run", "uptime")
    return fleetctl


def test_what_was_done_is_listed_newest_first_and_found_again(past: Fleetctl) -> None:
    listed = past("history")
    assert listed.exit_code == 0
    rows = [line.split() for line in listed.stdout.splitlines()]
    assert rows[0] == ["run", "when", "state", "hosts", "not", "ok", "who", "command"]
    assert [row[0] for row in rows[1:]] == [DEAD, NEW, OLD]
    assert " ".join(rows[1][3:]) == "died 3 1 unfinished anna on control run uptime"
    assert " ".join(rows[2][3:]) == "not ok 12 1 failed, 1 unreachable anna on control run -t @web df -h /"
    asked = ("history", "--status", "failed", "--host", "web0005", "--since", "30d", "--until", "1d", "-o", "json")
    (run,) = json.loads(past(*asked).stdout)
    assert (run["id"], run["user"], run["argv"][-1], run["state"]) == (OLD, "ben", "/", "not ok")
    assert run["counts"] == {"ok": 8, "failed": 1, "unreachable": 1}
    ran = past("history", "--text", "no such words")
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, "", "no run is like that\n")
    assert offered(past, "show", "20261126-1") == [DEAD, NEW]


def test_a_run_is_told_again_in_any_view(past: Fleetctl) -> None:
    shown = past("show", "bbbbbb", "-b")
    assert shown.exit_code == 0
    assert "web[0001-0003,0006-0007,0009-0012] (9)\n" in shown.stdout
    assert f"{NEW}: fleetctl run -t @web df -h / — 12 hosts, " in shown.stderr
    assert ", by anna on control in /srv/fleet\n10 ok · 1 failed · 1 unreachable — 12 hosts in" in shown.stderr
    some = past("show", OLD, "web[0005-0006]", "-o", "json", "--exit-code", "-q", "--save", "kept")
    assert (some.exit_code, some.stderr) == (1, "")
    hosts = {host["host"]: host for host in json.loads(some.stdout)["hosts"]}
    assert hosts.keys() == {"web0005", "web0006"}
    assert (hosts["web0005"]["exit_code"], hosts["web0005"]["stderr"]) == (1, "df: /: web0005 is sad\n")
    assert (past.home / "kept/web0005.stderr").read_text() == "df: /: web0005 is sad\n"
    dead = past("show")
    assert "its process died: no end on record for 1 host: web0003\n" in dead.stderr
    assert "1 cancelled — 3 hosts" in dead.stderr
    stranger = past("show", "last", "db01")
    assert (stranger.exit_code, stranger.stdout) == (2, "")
    assert f"db01 had no part in {DEAD}\n  → its hosts: web[0001-0003]\n" in stranger.stderr


def test_runs_are_compared_as_diff_compares_files(past: Fleetctl) -> None:
    changed = past("compare", OLD, NEW)
    assert changed.exit_code == 1
    assert "output differs (1)\n  web0004\n    @@ -2 +2,2 @@\n" in changed.stdout
    assert "new (2)\n  web[0011-0012]  ok\n" in changed.stdout
    assert f"--- {OLD}: fleetctl run" in changed.stderr
    assert changed.stderr.endswith("2 still bad · 1 output differs · 2 new · 7 same\n")
    same = past("compare", NEW, NEW, "-o", "json")
    assert same.exit_code == 0
    assert "warning: both are the same run" in same.stderr
    assert json.loads(same.stdout)["counts"] == {"still-bad": 2, "same": 10}


def test_a_report_is_a_whole_file_or_none_and_replaces_none_unasked(past: Fleetctl) -> None:
    page = past.home / "report.html"
    ran = past("report", "bbbbbb", "--html", page)
    assert (ran.exit_code, ran.stdout) == (0, "")
    assert f"{NEW} is written to {page} (" in ran.stderr
    text = page.read_text()
    assert "<h1>10 of 12 hosts are ok</h1>" in text
    assert "<dd>fleetctl run -t @web df -h /</dd>" in text
    assert "<dd>anna on control</dd>" in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\n" in text
    ran = past("report", DEAD, "--html", page)
    assert (ran.exit_code, page.read_text()) == (2, text)
    assert "is there already\n  → name another file, or add -y" in ran.stderr
    ran = past("report", DEAD, "--html", "-")
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert "cancelled: the process that ran it is gone" in ran.stdout
    ran = past("report", "--html", "nowhere/page.html")
    assert (ran.exit_code, "cannot write nowhere/page.html: No such file" in ran.stderr) == (2, True)
    assert not [left for left in past.home.iterdir() if left.name.startswith(".report")]


def test_without_a_history_there_is_nothing_to_show_and_no_error_in_asking(fleetctl: Fleetctl) -> None:
    ran = fleetctl("history")
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, "", "no run is on record yet\n")
    assert not (fleetctl.home / ".local").exists()
    ran = fleetctl("show")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "there is no run in history yet" in ran.stderr


RUN = RunRecord(NEW, Origin("run", ("run", "df", "-h"), user="anna"), 1_795_000_000.0, "run df", 3, {Status.OK: 3}, 1.0)


@pytest.mark.parametrize(
    ("changes", "word", "words"),
    [
        ({}, "ok", ""),
        ({"counts": {Status.OK: 2, Status.FAILED: 1}}, "not ok", "1 failed"),
        ({"counts": {Status.OK: 2, Status.SKIPPED: 1}}, "ok", "1 skipped"),
        ({"counts": {Status.OK: 1}, "seconds": None, "alive": True}, "running", "2 unfinished"),
        ({"counts": {Status.OK: 1}, "seconds": None}, "died", "2 unfinished"),
        ({"counts": {Status.OK: 2, Status.CANCELLED: 1}, "cancelled": "interrupted"}, "cancelled", "1 cancelled"),
        ({"counts": {Status.CANCELLED: 3}, "cancelled": "time is over", "overdue": True}, "overdue", "3 cancelled"),
        ({"counts": {Status.FAILED: 1, Status.SKIPPED: 2}, "stopped": "1 failed"}, "stopped", "1 failed, 2 skipped"),
    ],
)
def test_a_run_is_told_in_a_word(changes: dict[str, object], word: str, words: str) -> None:
    run = msgspec.structs.replace(RUN, **changes)
    assert (state(run), trouble(run)) == (word, words)


def test_a_rerun_says_of_which_run() -> None:
    again = msgspec.structs.replace(RUN, origin=Origin("run", ("run", "df", "-h"), parent=OLD))
    paper = Paper()
    show_table(paper.screen(), [again])
    assert "  rerun aaaaaa: run df -h\n" in paper.shown().text
    assert headline(again).endswith(f", 1.0 s, goes on with {OLD}")


def test_who_is_told_only_where_there_are_several() -> None:
    paper = Paper()
    terminals = (Origin("run", ("run", "df"), user="anna", machine=f"control pts/{number}") for number in range(2))
    show_table(paper.screen(), [msgspec.structs.replace(RUN, origin=origin) for origin in terminals])
    assert paper.shown().text.split("\n")[0].split() == ["run", "when", "state", "hosts", "not", "ok", "command"]
    narrow = Paper()
    hostile = msgspec.structs.replace(RUN, origin=Origin("run", ("run", "x\x1b[2J" * 40), user="ben"))
    show_table(narrow.screen(terminal=True, width=90), [RUN, hostile])
    text = narrow.shown().text
    assert "\x1b" not in text
    assert all(len(line) <= 90 for line in text.splitlines())
