"""The steps of a job in history: told again in their place among what the host said, with what later steps need."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetctl.events import (
    Event,
    HostFinished,
    HostStarted,
    Outcome,
    Output,
    RunFinished,
    RunStarted,
    Status,
    StepCounts,
    StepFinished,
    StepResult,
    StepStarted,
    StepStatus,
)
from fleetctl.history import record as recording
from fleetctl.history.history import History
from fleetctl.history.keeping import HEAD, TAIL
from fleetctl.history.masking import Masks
from fleetctl.history.steps import MASKED, ROOM, TOO_LONG
from tests.support.recording import OK, numbered, record
from tests.support.secrecy import secret

RUN = "20260101-000000-abcdef"
HUSH = secret("what a step registers")
LONG = b"(long)"
"""Stands for 200,000 bytes, which no failing example need show."""
Said = tuple[str, str, bytes]
"""A host, a stream, and what is written to it."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def of_job(steps: Iterable[Iterable[Said]], **ends: Any) -> list[Event]:
    """Two hosts that go through steps in which they say something; step 1 ends with `ends` besides."""
    events: list[Event] = [
        RunStarted(run=RUN, operation="job j", hosts=("a", "b"), fanout=2, started=1e9, steps=("s1", "s2", "s3")),
        HostStarted(host="a"),
        HostStarted(host="b"),
    ]
    for number, said in enumerate(steps, 1):
        step = {"step": f"s{number}", "number": number}
        events += [StepStarted(host=host, **step) for host in "ab"]  # type: ignore[arg-type]
        events += [Output(host=host, stream=stream, data=data) for host, stream, data in said]  # type: ignore[arg-type]
        more = ends if number == 1 else {}
        events += [StepFinished(host=host, status=StepStatus.OK, **step, **more) for host in "ab"]  # type: ignore[arg-type]
    outcome = msgspec.structs.replace(OK, steps=StepCounts(ok=3))
    events += [HostFinished(host=host, outcome=outcome) for host in "ab"]
    return numbered([*events, RunFinished(counts={Status.OK: 2})])


def kept(path: Path) -> list[Event]:
    with History(path) as history:
        return list(history.events(RUN))


def by_step(events: Iterable[Event]) -> dict[tuple[str, str, str], bytes]:
    """What each host said on each stream in each step, as whoever follows the events sees it."""
    step: dict[str, str] = {}
    said: dict[tuple[str, str, str], bytes] = {}
    for event in events:
        if isinstance(event, StepStarted):
            step[event.host] = event.step
        elif isinstance(event, StepFinished):
            assert step.pop(event.host) == event.step
        elif isinstance(event, Output):
            key = (event.host, step[event.host], event.stream)
            said[key] = said.get(key, b"") + event.data
    return {key: data for key, data in said.items() if data}


_SAID = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.sampled_from(["stdout", "stderr"]),
        st.binary(max_size=30) | st.sampled_from([b"s3cr", b"et-", b"s3cret-", LONG]),
    ),
    max_size=4,
)


@settings(max_examples=25)
@given(steps=st.lists(_SAID, min_size=1, max_size=3))
def test_whatever_a_host_says_in_a_step_is_told_in_that_step(
    tmp_path_factory: pytest.TempPathFactory, steps: list[list[Said]]
) -> None:
    path = tmp_path_factory.mktemp("history") / "history.db"
    events = of_job(
        [(host, stream, data.replace(LONG, b"x" * 200_000)) for host, stream, data in said] for said in steps
    )
    assert record(path, events, masks=Masks(["s3cret-"])) == []
    told = kept(path)
    assert [event for event in told if not isinstance(event, Output)] == [
        event for event in events if not isinstance(event, Output)
    ]
    seen = by_step(told)
    for key, said in by_step(events).items():
        masked = said.replace(b"s3cret-", b"***")
        whole = seen[key] == masked
        assert whole or (b"bytes are left out here" in b"".join(seen.values()) and seen[key][-9:] == masked[-9:])


def test_each_step_of_a_host_that_says_much_keeps_an_end_of_its_own(path: Path) -> None:
    def much(number: int) -> bytes:
        return b"".join(b"%d %07d\n" % (number, line) for line in range(60_000))

    events = of_job([[("a", "stdout", much(number))] for number in (1, 2)] + [[("a", "stdout", b"short\n")]])
    assert record(path, events) == []
    said = by_step(kept(path))
    size = len(much(1))
    file = path.parent / "outputs" / RUN / "a.stdout"
    for number, head in ((1, HEAD), (2, 0)):
        note = f"\n[fleetctl: {size - head - TAIL:,} bytes are left out here; all of it is in {file}]\n".encode()
        assert said["a", f"s{number}", "stdout"] == much(number)[:head] + note + much(number)[-TAIL:]
    assert said["a", "s3", "stdout"] == b"short\n"
    assert file.read_bytes() == much(1) + much(2) + b"short\n"


def test_of_a_killed_job_each_end_of_a_long_output_is_told_once(path: Path) -> None:
    def much(number: int) -> bytes:
        return b"".join(b"%d %07d\n" % (number, line) for line in range(60_000))

    events = of_job([[("a", "stdout", much(number))] for number in (1, 2)])
    last = next(place for place, event in enumerate(events) if isinstance(event, StepFinished) and event.step == "s2")
    record(path, events[:last])
    told = kept(path)
    assert [event.outcome.step for event in told if isinstance(event, HostFinished)] == ["s2", "s2"]
    assert [event.seq for event in told] == sorted(event.seq for event in told)
    said = by_step(told)
    assert said["a", "s1", "stdout"].endswith(much(1)[-TAIL:])
    second = said["a", "s2", "stdout"]
    assert second.startswith(f"\n[fleetctl: {len(much(2)) - TAIL:,} bytes are left out here; ".encode())
    assert second.endswith(much(2)[-TAIL:])
    assert len(second) < TAIL + 500


def test_what_a_step_registered_is_restored_as_it_was_or_not_at_all(path: Path) -> None:
    loop = StepResult(stdout="all", results=(StepResult(stdout="one", item={"n": 1}), StepResult(exit=2)))
    cases: list[tuple[dict[str, Any], str]] = [
        ({"register": "r", "result": loop, "set": {"x": [1, None], "version": "1.2"}}, ""),
        ({"register": "r", "result": StepResult(stdout=f"it is {HUSH}!")}, MASKED),
        ({"set": {"words": {"deep": [HUSH]}}}, MASKED),
        ({"set": {"db": {"password": "nobody else knows"}}}, MASKED),
        ({"register": "r", "result": StepResult(results=(StepResult(stdout="x" * (ROOM + 1)),))}, TOO_LONG),
        ({"why": f"because of {HUSH}"}, ""),
    ]
    for run, (ends, lost) in enumerate(cases):
        mine = path.with_name(f"{run}.db")
        record(
            mine,
            of_job([[], [("b", "stdout", b"nobody "), ("b", "stdout", b"else knows")]], **ends),
            masks=Masks([HUSH]),
        )
        told = kept(mine)
        ended = [event for event in told if isinstance(event, StepFinished) and event.step == "s1"]
        for event in ended:
            assert event.lost == lost
            assert (event.result, event.set) == ((None, {}) if lost else (ends.get("result"), ends.get("set", {})))
        # What a step has set is a secret from then on, if its name says so.
        expected = b"***" if "db" in ends.get("set", {}) else b"nobody else knows"
        assert by_step(told)["b", "s2", "stdout"] == expected
        assert HUSH.encode() not in mine.read_bytes()


def test_of_what_all_steps_registered_so_much_is_kept_and_no_more(path: Path) -> None:
    events: list[Event] = [
        RunStarted(run=RUN, operation="job j", hosts=("a",), fanout=1, started=1e9),
        HostStarted(host="a"),
        *(
            StepFinished(host="a", step=f"s{number}", number=number, status=StepStatus.OK, register=f"r{number}",
                         result=StepResult(stdout="x" * 300_000))
            for number in range(30)
        ),
    ]  # fmt: skip
    record(path, numbered(events))
    ended = [event for event in kept(path) if isinstance(event, StepFinished)]
    assert [event.lost for event in ended] == [""] * 13 + [TOO_LONG] * 17
    assert ended[12].result == StepResult(stdout="x" * 300_000)


def test_steps_are_kept_also_where_output_is_given_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "MOST_WAITING", -1)
    steps = [[("a", "stdout", b"hello\n")], [("a", "stdout", b"again\n")]]
    record(path, of_job(steps, register="r", result=StepResult(stdout="hello")))
    told = kept(path)
    assert len([event for event in told if isinstance(event, StepStarted | StepFinished)]) == 8
    assert all(event.lost and not event.result for event in told if isinstance(event, StepFinished) and event.register)
    assert b"output is missing here" in b"".join(event.data for event in told if isinstance(event, Output))


def test_the_step_at_which_a_host_stopped_is_found_without_reading_its_outcome(path: Path) -> None:
    stopped = Outcome(Status.FAILED, exit_code=1, step="s2")
    events = [
        msgspec.structs.replace(event, outcome=stopped)
        if isinstance(event, HostFinished) and event.host == "b"
        else event
        for event in of_job([[], []])
    ]
    record(path, events)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name, step FROM hosts").fetchall() == [("a", None), ("b", "s2")]
