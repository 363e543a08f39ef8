"""One JSON document, whatever hosts send and however the run ends."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetctl.events import (
    ErrorFacts,
    Event,
    HostFinished,
    Output,
    RunFinished,
    Status,
    StepCounts,
    StepStatus,
    Totals,
    Transferred,
)
from fleetctl.model import Secret
from fleetctl.views import spool as spool_module
from fleetctl.views.spool import CAP
from tests.support.showing import begun, ended, output_bytes, over, runs, said, show
from tests.views.moving import REFUSED, copied, fates, going, moved, moving_runs
from tests.views.playing import HANDLERS, STEPS, finished, job_runs, started, step


def document(events: list[Event]) -> Any:
    return json.loads(show("json", events).out)


def sent(host: dict[str, Any], stream: str) -> bytes:
    coded = host.get(f"{stream}_base64")
    return base64.b64decode(coded) if coded is not None else host[stream].encode()


def test_the_document_tells_the_run_the_counts_and_each_host() -> None:
    error = ErrorFacts("timed-out", "no end", "wait longer", {"after": 5})
    events: list[Event] = [begun("a", "b"), said("a", "hé\n"), ended("a"), ended("b", Status.TIMEOUT, error=error)]
    told = document(over(events))
    assert told["schema"] == 1
    assert told["run"] == {
        "id": "r1",
        "operation": "run df",
        "started": 1_700_000_000.0,
        "fanout": 8,
        "steps": [],
        "handlers": [],
        "hosts": 2,
        "seconds": 3.4,
        "cancelled": "",
        "stopped": "",
        "overdue": False,
    }
    assert told["counts"] == {"ok": 1, "timeout": 1}
    assert told["hosts"][0] == {
        "host": "a",
        "status": "ok",
        "exit_code": 0,
        "signalled": False,
        "seconds": 1.25,
        "attempts": 0,
        "remote_ended": True,
        "killed": False,
        "repeats": 0,
        "note": "",
        "counts": None,
        "step": "",
        "timings": {},
        "totals": None,
        "error": None,
        "stdout": "hé\n",
        "stderr": "",
    }
    assert told["hosts"][1]["error"] == {
        "code": "timed-out",
        "message": "no end",
        "hint": "wait longer",
        "facts": {"after": 5},
    }


@given(runs() | moving_runs() | job_runs(), st.integers(1, 50))
def test_cut_short_anywhere_it_is_still_a_document(run: list[Event], length: int) -> None:
    part = run[:length]
    told = document(part)
    finished = [event.host for event in part if isinstance(event, HostFinished)]
    assert [host["host"] for host in told["hosts"]] == finished
    assert sum(told["counts"].values()) == len(finished)
    if not any(isinstance(event, RunFinished) for event in part):
        assert told["run"]["cancelled"] == "cut short"


@given(st.lists(output_bytes | st.binary(), max_size=5))
def test_no_byte_is_lost(pieces: list[bytes]) -> None:
    events: list[Event] = [begun("a"), *(Output(host="a", stream="stdout", data=piece) for piece in pieces)]
    (host,) = document(over([*events, ended("a")]))["hosts"]
    assert sent(host, "stdout") == b"".join(pieces)
    assert sent(host, "stderr") == b""


@pytest.mark.parametrize("fill", [b"\xff", "€".encode(), b"\x00"])
def test_long_output_of_any_kind_is_whole(fill: bytes) -> None:
    data = fill * 70_000
    (host,) = document(over([begun("a"), said("a", data), ended("a")]))["hosts"]
    assert sent(host, "stdout") == data


def test_text_cut_in_mid_character_stays_text_and_is_counted() -> None:
    data = b"x" * (CAP - 1) + "€".encode()
    (host,) = document(over([begun("a"), said("a", data), ended("a")]))["hosts"]
    assert host["stdout"] == "x" * (CAP - 1)
    assert host["stdout_omitted_bytes"] == 3


def test_facts_of_any_kind_are_told() -> None:
    error = ErrorFacts("x", "argv \udcff", facts={"path": object, "many": {1, 2}, "raw": b"\xff", "\udcfe": (None,)})
    (host,) = document(over([begun("a"), ended("a", Status.ERROR, error=error)]))["hosts"]
    assert host["error"]["message"] == "argv \\udcff"
    assert host["error"]["facts"]["path"] == "<class 'object'>"


@pytest.mark.parametrize("view", ["json", "ndjson"])
def test_a_secret_is_refused(view: str) -> None:
    error = ErrorFacts("x", "y", facts={"list": [{"deep": Secret("hunter2")}]})
    with pytest.raises(TypeError, match="secret"):
        show(view, over([begun("a"), ended("a", Status.ERROR, error=error)]))


def test_a_host_has_its_files_and_their_totals() -> None:
    events: list[Event] = [begun("a", "b"), going("a", 1, 5), moved("a", "/etc/x", size=5), moved("b", "/y", "failed")]
    events += [moved("a", "/etc/z", "unchanged"), copied("a", Totals(files=1, bytes=5, unchanged=1))]
    a, b = document(over([*events, copied("b", Totals(failed=1), Status.FAILED, REFUSED)]))["hosts"]
    assert a["transfers"] == [
        {"path": "/etc/x", "action": "sent", "size": 5, "seconds": 0.25, "dry": False, "error": None},
        {"path": "/etc/z", "action": "unchanged", "size": 0, "seconds": 0.25, "dry": False, "error": None},
    ]
    assert {name: count for name, count in a["totals"].items() if count} == {"files": 1, "bytes": 5, "unchanged": 1}
    assert b["transfers"][0]["error"] == b["error"]


def test_a_host_that_moved_nothing_has_no_list_of_files() -> None:
    events: list[Event] = [begun("a"), going("a", 0, 0), said("a", "hi\n"), ended("a")]
    assert "transfers" not in document(over(events))["hosts"][0]


@given(st.lists(st.sampled_from("ab").flatmap(fates), max_size=12), st.integers(0, 200), st.integers(1, 90))
def test_no_file_is_lost_on_the_way_through_memory_and_disk(files: list[Transferred], memory: int, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spool_module, "_MEMORY", memory)
        patch.setattr(spool_module, "_BLOCK", block)
        told = document(over([begun("a", "b"), *files, ended("a"), ended("b")]))
    for host in told["hosts"]:
        sizes = [record["size"] for record in host.get("transfers", ())]
        assert sizes == [file.size for file in files if file.host == host["host"]]


def test_files_are_not_cut_where_output_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "CAP", 100)
    files = [moved("a", f"/srv/{number}") for number in range(500)]
    (host,) = document(over([begun("a"), *files, said("a", "x" * 200), ended("a")]))["hosts"]
    assert len(host["transfers"]) == 500
    assert host["stdout_omitted_bytes"] == 100


def test_a_host_of_a_job_has_its_steps_and_their_counts_beside_its_files() -> None:
    error = ErrorFacts("step-failed", "no such unit")
    counts = StepCounts(ok=1, changed=1, failed=1)
    events: list[Event] = [
        started("a"),
        *step("a", 1, "hi\n", exit_code=0, seconds=0.12345678),
        moved("a", "/etc/x"),
        *step("a", 2, status=StepStatus.OK, why="the same", once="b"),
        *step("a", 3, status=StepStatus.FAILED, exit_code=4, error=error),
        finished("a", counts, Status.FAILED, "check", exit_code=4),
    ]
    told = document(over(events))
    (host,) = told["hosts"]
    assert (host["counts"], host["step"]) == ({"ok": 1, "changed": 1, "failed": 1, "skipped": 0}, "check")
    facts = {"code": "step-failed", "message": "no such unit", "hint": "", "facts": {}}
    keys = ("step", "number", "status", "exit_code", "seconds", "why", "error", "once", "changed")
    assert [tuple(one.values()) for one in host["steps"]] == [
        ("fetch", 1, "changed", 0, 0.123457, "", None, "", True),
        ("restart nginx", 2, "ok", None, 0.0, "the same", None, "b", False),
        ("check", 3, "failed", 4, 0.0, "", facts, "", False),
    ]
    assert all(tuple(one) == keys for one in host["steps"])
    assert [file["path"] for file in host["transfers"]] == ["/etc/x"]
    assert host["stdout"] == "hi\n"
    assert (told["run"]["steps"], told["run"]["handlers"]) == (list(STEPS), list(HANDLERS))
