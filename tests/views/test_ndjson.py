"""One event a line, as the published schema says, with every byte of the output in it."""

from __future__ import annotations

import base64
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
from hypothesis import given
from hypothesis import strategies as st

from fleetctl.events import (
    ErrorFacts,
    Event,
    HostFinished,
    Status,
    StepCounts,
    StepResult,
    StepStatus,
    Totals,
    Transferred,
)
from fleetctl.views.ndjson import event_schema
from tests.support.showing import begun, ended, output_bytes, over, runs, said, show
from tests.views.moving import REFUSED, copied, fates, going, moved, moving_runs
from tests.views.playing import at, done, finished, job_runs

SCHEMA = Path(__file__).parents[2] / "docs" / "events.schema.json"


def lines(events: list[Event]) -> list[Any]:
    return [json.loads(line) for line in show("ndjson", events).out.splitlines()]


def data(line: dict[str, Any]) -> bytes:
    return line["data"].encode() if "data" in line else base64.b64decode(line["data_base64"])


def test_the_published_schema_is_that_of_the_code() -> None:
    assert json.loads(SCHEMA.read_text()) == event_schema()


@given(runs() | moving_runs() | job_runs())
def test_every_line_is_as_the_schema_says(run: list[Event]) -> None:
    schema = jsonschema.Draft202012Validator(event_schema())
    for line in lines(run):
        schema.validate(line)


@given(runs())
def test_every_line_has_a_number_of_its_own(run: list[Event]) -> None:
    assert [line["seq"] for line in lines(run)] == list(range(len(lines(run))))


def test_what_ends_in_mid_character_has_numbers_of_its_own_too() -> None:
    cut = [said("a", b"\xe2\x82"), said("a", b"\xf0\x9f", "stderr")]
    told = lines(over([begun("a"), *cut, ended("a")]))
    assert [(line["seq"], line.get("data_base64", "")) for line in told] == [
        (0, ""),
        (1, "4oI="),
        (2, "8J8="),
        (3, ""),
        (4, ""),
    ]


def test_the_schema_refuses_an_output_with_neither_text_nor_base64() -> None:
    (_, line, *_) = lines(over([begun("a"), said("a", "x\n"), ended("a")]))
    schema = jsonschema.Draft202012Validator(event_schema())
    schema.validate(line)
    assert not schema.is_valid({key: value for key, value in line.items() if key != "data"})
    assert not schema.is_valid(line | {"data_base64": "eA=="})


@given(st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), output_bytes | st.binary(max_size=6)), max_size=8))
def test_no_byte_is_lost_and_streams_stay_apart(pieces: list[tuple[Any, bytes]]) -> None:
    told = lines(over([begun("a"), *(said("a", piece, stream) for stream, piece in pieces), ended("a")]))
    for stream in ("stdout", "stderr"):
        got = b"".join(data(line) for line in told if line["type"] == "output" and line["stream"] == stream)
        assert got == b"".join(piece for name, piece in pieces if name == stream)


@given(st.text(), st.lists(st.integers(0, 100), max_size=5))
def test_text_stays_text_wherever_it_is_cut(text: str, places: list[int]) -> None:
    raw = text.encode()
    edges = sorted({0, len(raw), *(place % (len(raw) + 1) for place in places)})
    pieces = [raw[start:end] for start, end in pairwise(edges)]
    told = lines(over([begun("a"), *(said("a", piece) for piece in pieces), ended("a")]))
    assert "".join(line["data"] for line in told if line["type"] == "output") == text


def test_bytes_that_are_not_text_come_as_base64() -> None:
    (_, line, *_) = lines(over([begun("a"), said("a", b"\xff\x00"), ended("a")]))
    assert line == {"type": "output", "at": 0.0, "seq": 1, "host": "a", "stream": "stdout", "data_base64": "/wA="}


def test_a_host_that_ended_has_the_same_keys_always() -> None:
    good, bad = (
        next(line for line in lines(over([begun("a"), event])) if line["type"] == "host_finished")["outcome"]
        for event in (ended("a"), ended("a", Status.ERROR, error=ErrorFacts("x", "y")))
    )
    assert isinstance(ended("a"), HostFinished)
    assert good.keys() == bad.keys()


def test_a_file_and_the_progress_of_its_host_have_lines() -> None:
    sent = Transferred(host="a", path="/etc/x", action="sent", size=5, seconds=0.12345678, at=1.5)
    told = lines(over([begun("a"), going("a", 3, 5), sent, moved("a", "/etc/y", "failed")]))
    assert told[1] == {
        "type": "progress", "at": 0.0, "seq": 1, "host": "a", "bytes": 3, "total": 5, "files": 0, "files_total": 1,
    }  # fmt: skip
    assert told[2] == {
        "type": "transfer", "at": 1.5, "seq": 2, "host": "a", "path": "/etc/x", "action": "sent", "size": 5,
        "seconds": 0.123457, "dry": False, "error": None,
    }  # fmt: skip
    assert told[3]["error"] == {"code": REFUSED.code, "message": REFUSED.message, "hint": REFUSED.hint, "facts": {}}


@given(fates("a"))
def test_a_file_has_the_same_keys_always_whatever_its_name(fate: Transferred) -> None:
    (_, line, _) = lines(over([begun("a"), fate]))
    assert line.keys() == {"type", "at", "seq", "host", "path", "action", "size", "seconds", "dry", "error"}


def test_a_name_that_is_no_text_has_its_bytes_spelled_out() -> None:
    (_, line, _) = lines(over([begun("a"), moved("a", "caf\udce9")]))
    assert line["path"] == "caf\\udce9"


def test_a_host_that_moved_files_has_their_totals() -> None:
    told = lines(over([begun("a", "b"), copied("a", Totals(files=2, bytes=9, unchanged=1)), ended("b")]))
    outcomes = [line["outcome"] for line in told if line["type"] == "host_finished"]
    assert [outcome["totals"] for outcome in outcomes] == [
        {"files": 2, "bytes": 9, "linked": 0, "unchanged": 1, "skipped": 0, "deleted": 0, "failed": 0, "made": 0},
        None,
    ]


def test_a_step_has_lines_at_its_beginning_and_its_end_with_the_same_keys_always() -> None:
    item = StepResult(exit=0, stdout="x", item={"a": 1})
    result = StepResult(exit=0, stdout="hi", changed=True, results=(item,))
    registered = done("a", 1, notified=("reload",), register="said", result=result, exit_code=0)
    (begin, plain, end) = lines([at("a", 2), done("a", 2, StepStatus.OK, set={"x": [1]}), registered])
    assert begin == {"type": "step_started", "at": 0.0, "seq": 0, "host": "a", "step": "restart nginx", "number": 2}
    assert plain == {
        "type": "step_finished", "at": 0.0, "seq": 1, "host": "a", "step": "restart nginx", "number": 2,
        "status": "ok", "exit_code": None, "seconds": 0.0, "why": "", "error": None, "once": "", "notified": [],
        "register": "", "set": {"x": [1]}, "lost": "", "result": None,
    }  # fmt: skip
    assert end.keys() == plain.keys()
    assert (end["register"], end["notified"]) == ("said", ["reload"])
    assert end["result"] == {
        "exit": 0, "stdout": "hi", "stderr": "", "changed": True, "skipped": False, "failed": False,
        "truncated": False, "item": None,
        "results": [end["result"] | {"stdout": "x", "changed": False, "item": {"a": 1}, "results": []}],
    }  # fmt: skip
    told = lines(over([finished("a", StepCounts(ok=3), Status.FAILED, "check")]))[0]["outcome"]
    assert (told["steps"], told["step"]) == ({"ok": 3, "changed": 0, "failed": 0, "skipped": 0}, "check")
