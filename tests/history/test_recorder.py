"""A run that is recorded is told again as it was, whatever hosts say, and found again by what is known of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleetctl.errors import HistoryError
from fleetctl.events import (
    BatchFinished,
    BatchStarted,
    ErrorFacts,
    Event,
    HostFinished,
    HostStarted,
    Outcome,
    Output,
    Progress,
    RunFinished,
    RunStarted,
    Status,
    Transferred,
)
from fleetctl.history.history import History
from fleetctl.history.keeping import HEAD, TAIL
from fleetctl.history.masking import Masks
from fleetctl.history.records import Origin
from tests.support.recording import OK, ORIGIN, numbered, of_hosts, record

RUN = "20260101-000000-abcdef"
BAD = Outcome(Status.FAILED, exit_code=2, error=ErrorFacts("x", "it broke", "mend it", {"path": "/etc"}))
EVENTS = numbered(
    [
        RunStarted(run=RUN, operation="run df", hosts=("a", "b", "c"), fanout=2, started=1e9),
        BatchStarted(number=1, batches=2, hosts=("a", "b")),
        HostStarted(host="a"),
        HostStarted(host="b"),
        Output(host="a", stream="stdout", data=b"one\n"),
        Output(host="b", stream="stderr", data=b"oh\xff\n"),
        Transferred(host="b", path="/etc/x", action="sent", size=3),
        HostFinished(host="b", outcome=BAD),
        HostFinished(host="a", outcome=OK),
        BatchFinished(number=1, check="ok"),
        HostFinished(host="c", outcome=Outcome(Status.SKIPPED)),
        RunFinished(counts={Status.FAILED: 1, Status.OK: 1, Status.SKIPPED: 1}, stopped="too many"),
    ]
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "history.db"


def output_of(events: Iterable[Event], host: str) -> list[tuple[str, bytes]]:
    """What a host said, in order, consecutive pieces of a stream together."""
    said = [event for event in events if isinstance(event, Output) and event.host == host]
    return [
        (stream, b"".join(event.data for event in some)) for stream, some in groupby(said, lambda event: event.stream)
    ]


def test_a_run_is_told_again_as_it_was(path: Path) -> None:
    odd = Origin("run", ("run", "df"), directory="/", user="ada", targets=("@web",), policy={"fanout": 2})
    moving = Progress(host="a", bytes=1, total=2, files=0, files_total=1)
    warned = record(path, [*EVENTS[:5], moving, *EVENTS[5:]], odd)
    assert warned == []
    with History(path) as history:
        run = history.run("last")
        assert (run.id, run.hosts, run.seconds, run.stopped, run.alive) == (RUN, 3, 1.1, "too many", False)
        assert (run.counts, run.unfinished) == ({Status.FAILED: 1, Status.OK: 1, Status.SKIPPED: 1}, 0)
        assert run.origin == odd
        assert list(history.events(run.id)) == EVENTS
        assert history.outcomes(run.id) == {"a": OK, "b": BAD, "c": Outcome(Status.SKIPPED)}
        assert history.begun(run.id) == {"a", "b"}
        only = list(history.events(run.id, ["a"]))
    assert {event.host for event in only if isinstance(event, HostStarted | Output | HostFinished)} == {"a"}
    assert isinstance(only[-1], RunFinished)
    assert only[-1].counts == {Status.OK: 1}


_PIECES = st.lists(
    st.tuples(
        st.sampled_from(["a", "b"]),
        st.sampled_from(["stdout", "stderr"]),
        st.binary(max_size=40) | st.sampled_from([b"x" * 300_000, b"y\n" * 40_000, b"s3cr", b"et-"]),
    ),
    max_size=12,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=_PIECES)
def test_whatever_hosts_say_is_kept_in_order_but_for_the_middle_of_what_is_long(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[tuple[str, str, bytes]]
) -> None:
    path = tmp_path_factory.mktemp("history") / "history.db"
    started = RunStarted(run=RUN, operation="run x", hosts=("a", "b"), fanout=2, started=1e9)
    said = [Output(host=host, stream=stream, data=data) for host, stream, data in pieces]  # type: ignore[arg-type]
    begun = [HostStarted(host="a"), HostStarted(host="b")]
    ended = [HostFinished(host="a", outcome=OK), HostFinished(host="b", outcome=OK)]
    events = numbered([started, *begun, *said, *ended, RunFinished(counts={Status.OK: 2})])
    assert record(path, events, masks=Masks(["s3cret-"])) == []
    with History(path) as history:
        told = list(history.events(RUN))
    assert [event for event in told if not isinstance(event, Output)] == [
        event for event in events if not isinstance(event, Output)
    ]
    for host in "ab":
        for stream in ("stdout", "stderr"):
            sent = b"".join(data for one, other, data in pieces if (one, other) == (host, stream))
            _check_kept(path, host, stream, sent.replace(b"s3cret-", b"***"), told)


def _check_kept(path: Path, host: str, stream: str, sent: bytes, told: list[Event]) -> None:
    """All of it, or its beginning and its end around a word on what is left out, and all of it in a file."""
    said = [event for event in told if isinstance(event, Output) and event.host == host]
    gaps = [place for place, event in enumerate(said) if event.data.startswith(b"\n[fleetctl: ")]
    gap = gaps[0] if gaps else len(said)
    before, after = (
        b"".join(event.data for event in some if event.stream == stream) for some in (said[:gap], said[gap + 1 :])
    )
    full = path.parent / "outputs" / RUN / f"{host}.{stream}"
    if gaps:
        assert sent.startswith(before)
        assert sent.endswith(after)
        assert (full.read_bytes() if full.exists() else b"") == sent
    else:
        assert before == sent
        assert not full.exists()


def test_a_long_output_keeps_its_beginning_and_its_end_and_all_of_it_in_a_file(path: Path) -> None:
    lines = b"".join(b"%08d\n" % number for number in range(100_000))
    pieces = [lines[place : place + 32_768] for place in range(0, len(lines), 32_768)]
    assert record(path, of_hosts(RUN, ["a/b", "c"], *pieces)) == []
    with History(path) as history:
        ((_, kept),) = output_of(history.events(RUN), "a/b")
    omitted = len(lines) - HEAD - TAIL
    file = path.parent / "outputs" / RUN / "a%2Fb.stdout"
    note = f"\n[fleetctl: {omitted:,} bytes are left out here; all of it is in {file}]\n".encode()
    assert kept == lines[:HEAD] + note + lines[-TAIL:]
    assert file.read_bytes() == lines
    assert path.stat().st_size < 2_000_000


def test_nothing_of_history_is_for_others_whatever_the_umask(path: Path) -> None:
    before = os.umask(0)
    try:
        record(path, of_hosts(RUN, ["a"], b"x" * (HEAD + TAIL + 1))[:-1])
    finally:
        os.umask(before)
    found = [*path.parent.parent.rglob("*")]
    assert {one.name for one in found} >= {"state", "history.db", "outputs", "a.stdout", "running"}
    for one in found:
        assert stat.S_IMODE(one.stat().st_mode) == (0o700 if one.is_dir() else 0o600), one


def test_names_that_are_no_text_are_kept_readable(path: Path) -> None:
    odd = os.fsdecode(b"/tmp/\xff")
    moved = Transferred(host="a", path=odd, action="sent")
    events = [*EVENTS[:4], moved, *EVENTS[5:]]
    events[0] = msgspec.structs.replace(events[0], operation=f"put {odd}")
    assert record(path, numbered(events)) == []
    with History(path) as history:
        told = [event for event in history.events(RUN) if isinstance(event, Transferred)]
        assert history.run("last").operation == "put /tmp/\\xff"
    assert told[0].path == "/tmp/\\xff"


def test_runs_are_found_by_what_is_known_of_them(path: Path) -> None:
    with History(path) as history:
        assert history.runs() == []
        with pytest.raises(HistoryError, match="no run in history yet"):
            history.run("last")
    record(path, EVENTS)
    record(path, of_hosts("20260102-000000-abc123", ["web01", "web02"], started=2e9), Origin("put", ("put", "Y")))
    record(path, of_hosts("20260102-000000-def123", ["a"], started=3e9), Origin("ping", ("ping",)))
    with History(path) as history:

        def found(**wanted: object) -> list[str]:
            return [run.id[-6:] for run in history.runs(**wanted)]  # type: ignore[arg-type]

        assert found() == ["def123", "abc123", "abcdef"]
        assert found(limit=1) == ["def123"]
        assert found(status=Status.FAILED) == ["abcdef"]
        assert found(host="a") == ["def123", "abcdef"]
        assert found(host="web[01-03]") == found(host="w*2") == ["abc123"]
        assert found(host="web[0001-5000],web02") == ["abc123"]
        with pytest.raises(HistoryError, match="cannot be read"):
            history.runs(host="web[01")
        assert found(host="a", status=Status.SKIPPED) == []
        assert found(host="c", status=Status.SKIPPED) == ["abcdef"]
        assert found(since=2e9) == ["def123", "abc123"]
        assert found(until=2e9) == ["abcdef"]
        assert found(text="PUT y") == ["abc123"]
        assert history.run("def123").id == history.run("20260102-000000-d").id == history.run("last").id
        with pytest.raises(HistoryError, match="'20260102' may be 2 runs") as refused:
            history.run("20260102")
        assert "fleetctl history" in refused.value.hint
        with pytest.raises(HistoryError, match="no run 'nothing'"):
            history.run("nothing")


def test_what_became_of_hosts_at_last_is_known_over_all_runs_that_go_on_with_each_other(path: Path) -> None:
    def again(run: str, parent: str, ends: dict[str, Outcome | None]) -> None:
        events: list[Event] = [RunStarted(run=run, operation="run df", hosts=tuple(ends), fanout=1, started=1e9)]
        for host, outcome in ends.items():
            if outcome is None or outcome.status is not Status.CANCELLED:
                events.append(HostStarted(host=host))
            if outcome is not None:
                events.append(HostFinished(host=host, outcome=outcome))
        record(path, numbered(events), msgspec.structs.replace(ORIGIN, parent=parent))

    never = Outcome(Status.CANCELLED)
    again("one", "", {"a": BAD, "b": BAD, "c": OK, "d": never, "e": BAD})
    again("two", "one", {"a": OK, "b": never, "d": BAD, "e": None})
    again("other", "", {"a": BAD})
    again("three", "two", {"b": OK, "d": Outcome(Status.SKIPPED)})
    with History(path) as history:
        for run in ("one", "two", "three"):
            assert history.latest(run) == {"a": OK, "b": OK, "c": OK, "d": BAD, "e": None}
        assert history.latest("other") == {"a": BAD}
