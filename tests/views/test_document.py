"""One JSON document, whatever hosts send and however the run ends."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetctl.events import ErrorFacts, Event, HostFinished, Output, RunFinished, Status
from fleetctl.model import Secret
from fleetctl.views.spool import CAP
from tests.support.showing import begun, ended, output_bytes, over, runs, said, show


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
        "hosts": 2,
        "seconds": 3.4,
        "cancelled": "",
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
        "timings": {},
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


@given(runs(), st.integers(1, 50))
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
