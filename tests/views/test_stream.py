"""Live lines: whole lines with their host in front, bytes as they came where nothing is put in front."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetctl.events import ErrorFacts, Event, HostStarted, Output, Status, StepCounts, Stream
from fleetctl.views import Layout
from tests.support.showing import begun, ended, on_terminal, output_bytes, over, refused, run_of, said, show
from tests.views.playing import at, finished, started, step

LONG = b"x" * 70_000
BARE = Layout(prefix=False)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(edges)]


def test_each_line_has_its_host_in_front() -> None:
    assert show("stream", run_of({"web01": "a\nb\n", "db": "c"})).out == b"web01: a\nweb01: b\ndb: c\n"


def test_a_line_waits_until_it_is_whole() -> None:
    events: list[Event] = [begun("a", "b"), said("a", "one "), said("b", "two\n"), said("a", "line\n")]
    assert show("stream", events).out == b"b: two\na: one line\n"


def test_stderr_of_a_host_goes_to_stderr() -> None:
    shown = show("stream", [begun("a"), said("a", "out\n"), said("a", "err\n", "stderr"), ended("a")])
    assert (shown.out, shown.err) == (b"a: out\n", b"a: err\n")


def test_piped_output_is_not_touched() -> None:
    data = b"\x1b[2J\x00\xff\r\n"
    assert show("stream", [begun("a"), said("a", data)]).out == b"a: " + data


@given(output_bytes, st.lists(st.integers(0, 200)))
def test_however_it_is_cut_every_line_gets_one_prefix(data: bytes, places: list[int]) -> None:
    events: list[Event] = [begun("a"), *(said("a", piece) for piece in cut(data, places)), ended("a")]
    lines = data.removesuffix(b"\n").split(b"\n") if data else []
    assert show("stream", events).out == b"".join(b"a: " + line + b"\n" for line in lines)


@given(st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), output_bytes | st.just(LONG)), max_size=6))
def test_without_prefix_the_bytes_of_one_host_are_exact(pieces: list[tuple[Stream, bytes]]) -> None:
    events: list[Event] = [begun("a"), HostStarted(host="a")]
    events += [Output(host="a", stream=stream, data=data) for stream, data in pieces]
    shown = show("stream", over([*events, ended("a")]), BARE)
    assert shown.out == b"".join(data for stream, data in pieces if stream == "stdout")
    assert shown.err == b"".join(data for stream, data in pieces if stream == "stderr")


def test_without_prefix_stdout_stays_exact_when_the_command_fails() -> None:
    shown = show("stream", [begun("a"), said("a", "abc"), ended("a", Status.FAILED, 3)], BARE)
    assert (shown.out, shown.err) == (b"abc", b"a: exit 3\n")


def test_a_long_line_passes_in_pieces_under_one_prefix() -> None:
    shown = show("stream", [begun("a"), said("a", LONG), said("a", LONG), said("a", "end\n"), ended("a")])
    assert shown.out == b"a: " + LONG + LONG + b"end\n"


def test_a_long_line_without_end_gets_one() -> None:
    assert show("stream", [begun("a"), said("a", LONG), ended("a")]).out == b"a: " + LONG + b"\n"


def test_another_host_does_not_write_into_a_long_line() -> None:
    shown = show("stream", [begun("a", "b"), said("a", LONG), said("b", "b\n"), said("a", "rest\n"), ended("a")])
    assert shown.out == b"a: " + LONG + b"\nb: b\na: rest\n"


def test_without_prefix_another_host_begins_a_line_of_its_own() -> None:
    events: list[Event] = [begun("a", "b"), said("a", "one"), ended("a"), said("b", "two"), ended("b")]
    assert show("stream", events, BARE).out == b"one\ntwo"


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (ended("a", Status.FAILED, 3), "a: exit 3\n"),
        (refused("a", "connection refused by 10.0.0.7:22"), "a: unreachable: connection refused by 10.0.0.7:22\n"),
        (refused("a", "it said \x1b[2Jboo"), "a: unreachable: it said boo\n"),
    ],
)
def test_a_host_that_is_not_ok_says_so_at_once(event: Event, line: str) -> None:
    assert show("stream", [begun("a", "b"), event]).talk == line


def test_hosts_called_off_before_they_began_are_left_to_the_closing_lines() -> None:
    off = ErrorFacts("cancelled", "interrupted")
    events: list[Event] = [begun("a", "b"), HostStarted(host="a")]
    events += [ended(host, Status.CANCELLED, error=off) for host in ("a", "b")]
    assert show("stream", events).talk == "a: cancelled: interrupted\n"


def test_on_a_terminal_columns_align_and_stderr_is_told_apart() -> None:
    events: list[Event] = [begun("web01", "db"), said("web01", "out\r\n"), said("db", "err\n", "stderr")]
    assert on_terminal(show("stream", events, terminal=True).out) == ["web01 │ out", "db    ! err", ""]


def test_a_host_has_the_same_colour_in_every_run() -> None:
    one = show("stream", run_of({"web01": "x\n"}), terminal=True, colour=True).text
    other = show("stream", run_of({"db": "y\n", "web01": "x\n"}), terminal=True, colour=True).text
    assert one.split("web01")[0] in other
    assert one.startswith("\x1b[")


def test_on_a_terminal_a_screen_cannot_be_cleared_unless_raw() -> None:
    events: list[Event] = [begun("a"), said("a", "\x1b[2Jhi\n")]
    assert show("stream", events, terminal=True).text == "a │ hi\n"
    assert show("stream", events, Layout(raw=True), terminal=True).text == "a │ \x1b[2Jhi\n"


def test_in_a_job_what_a_host_says_stands_under_the_name_of_its_step() -> None:
    events: list[Event] = [started("a", "b"), HostStarted(host="a"), HostStarted(host="b")]
    events += [*step("a", 1, "no end"), at("b", 1), *step("a", 2), *step("a", 3, "x\n", err="y\n")]
    events += [said("b", "half"), finished("a", StepCounts()), finished("b", StepCounts())]
    shown = show("stream", over(events))
    assert shown.text == "a: ── fetch\na: no end\na: ── check\na: x\nb: ── fetch\nb: half\n"
    assert shown.talk == "a: y\n"
    assert show("stream", over(events), BARE).text == "no endx\nhalf"
    coloured = show("stream", over(events), terminal=True, colour=True).text
    assert "│\x1b[0m \x1b[2m── fetch\x1b[0m" in coloured
