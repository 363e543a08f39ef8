"""Equal results are told once, under the names of all hosts that gave them."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetctl.events import Event, HostFinished, Output, Status
from fleetctl.nodes import expand
from fleetctl.views import Layout
from fleetctl.views.spool import CAP
from tests.support.showing import begun, ended, over, refused, run_of, runs, said, show

HEADING = re.compile(r"^─+\n(\S+) \((\d+)\)(?: · (.*))?\n─+$", re.MULTILINE)


def headings(text: str) -> list[tuple[str, str, str]]:
    return [(names, count, why) for names, count, why in HEADING.findall(text)]


def test_the_largest_group_comes_first_then_names_decide() -> None:
    outputs = {"web03": "z\n", "db": "y\n"} | {f"web{n:02}": "same\n" for n in (10, 1, 2)}
    assert show("fold", run_of(outputs)).text == (
        "───────────────\nweb[01-02,10] (3)\n───────────────\nsame\n".replace("─" * 15, "─" * 17)
        + "───────────────\ndb (1)\n───────────────\ny\n"
        + "───────────────\nweb03 (1)\n───────────────\nz\n"
    )


@given(runs(max_hosts=10))
def test_every_host_that_spoke_or_ran_is_in_exactly_one_group(run: list[Event]) -> None:
    named = [host for names, _, _ in headings(show("fold", run, terminal=True).text) for host in expand(names)]
    spoke = {event.host for event in run if isinstance(event, Output) and event.data}
    ran = {e.host for e in run if isinstance(e, HostFinished) and e.outcome.status in {Status.OK, Status.FAILED}}
    assert sorted(named) == sorted(spoke | ran)


@given(st.lists(st.sampled_from(["a\n", "b\n", "c"]), min_size=1, max_size=12))
def test_hosts_share_a_group_when_and_only_when_they_said_the_same(texts: list[str]) -> None:
    outputs = {f"h{n}": text for n, text in enumerate(texts)}
    groups = [set(expand(names)) for names, _, _ in headings(show("fold", run_of(outputs)).text)]
    expected = [{host for host, text in outputs.items() if text == kind} for kind in set(texts)]
    assert sorted(map(sorted, groups)) == sorted(map(sorted, expected))


def test_the_same_words_with_another_exit_code_are_another_group() -> None:
    events: list[Event] = [
        begun("a", "b"),
        said("a", "x\n"),
        said("b", "x\n"),
        ended("a"),
        ended("b", Status.FAILED, 3),
    ]
    assert headings(show("fold", over(events)).text) == [("a", "1", ""), ("b", "1", "exit 3")]


def test_hosts_that_never_came_to_speak_are_not_groups() -> None:
    assert show("fold", over([begun("a"), refused("a")])).out == b""


def test_hosts_without_output_share_a_group_that_says_so() -> None:
    assert show("fold", over([begun("a1", "a2"), ended("a1"), ended("a2")])).text.endswith("─\n(no output)\n")


def test_an_output_of_no_bytes_is_no_output() -> None:
    events: list[Event] = [begun("a", "b"), said("a", b""), ended("a"), ended("b")]
    assert headings(show("fold", over(events)).text) == [("a,b", "2", "")]


def test_stderr_is_told_apart_inside_a_group() -> None:
    events: list[Event] = [begun("a"), said("a", "out\n"), said("a", "err1\nerr2", "stderr"), ended("a")]
    assert show("fold", over(events)).text.endswith("─\nout\n! err1\n! err2\n")


def test_what_was_said_does_not_depend_on_how_it_was_cut() -> None:
    events: list[Event] = [
        begun("a", "b"),
        said("a", "hel"),
        said("a", "lo\n"),
        said("b", "hello\n"),
        ended("a"),
        ended("b"),
    ]
    assert headings(show("fold", over(events)).text) == [("a,b", "2", "")]


def test_diff_shows_only_what_differs_from_the_largest() -> None:
    outputs = {"web01": "one\ntwo\n", "web02": "one\ntwo\n", "web03": "one\nTWO\n"}
    text = show("fold", run_of(outputs), Layout(diff=True)).text
    assert "─\none\ntwo\n─" in text
    assert text.endswith("--- web[01-02]\n+++ web03\n@@ -1,2 +1,2 @@\n one\n-two\n+TWO\n")


def test_diff_tells_differences_on_stderr_too() -> None:
    events: list[Event] = [begun("a", "b"), ended("a"), said("b", "oops\n", "stderr"), ended("b")]
    assert "+oops" in show("fold", over(events), Layout(diff=True)).text


def difference(before: bytes, after: bytes, *, terminal: bool = False) -> list[str]:
    """What `--diff` shows of `b`, which differs from `a`, below the two names."""
    events: list[Event] = [begun("a", "b"), said("a", before), said("b", after), ended("a"), ended("b")]
    text = show("fold", over(events), Layout(diff=True), terminal=terminal).out.decode(errors="surrogateescape")
    return text.partition("+++ b\n")[2].split("\n")[:-1]


def test_diff_tells_a_newline_that_is_missing_at_the_end() -> None:
    assert difference(b"x\n", b"x") == ["@@ -1 +1 @@", "-x", "+x", "\\ no newline at the end"]
    assert difference(b"x", b"x\n") == ["@@ -1 +1 @@", "-x", "\\ no newline at the end", "+x"]


def test_diff_cuts_lines_at_newlines_only() -> None:
    for end in ("\x0b", "\x0c", "\x85", "\u2028", "\r"):
        before, after = (f"a{end}b{number}\n".encode() for number in (1, 2))
        assert len(difference(before, after)) == len(["@@", "-", "+"])


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        (b"v\xff\n", b"v\xfe\n", ["-v\\xff", "+v\\xfe"]),
        (b"x\n", b"x\r\n", ["-x", "+x^M"]),
        (b"\x1b[32mok\n", b"\x1b[31mok\n", ["-^[[32mok", "+^[[31mok"]),
        ("a\u2028b\n".encode(), b"ab\n", ["-a\\u2028b", "+ab"]),
    ],
)
def test_diff_lets_a_terminal_show_whatever_differs(before: bytes, after: bytes, shown: list[str]) -> None:
    assert difference(before, after, terminal=True)[1:] == shown


def test_a_diff_that_is_piped_has_the_bytes_untouched() -> None:
    lines = difference(b"v\xff\r\n", b"\x1b[31mv\n")
    assert [line.encode(errors="surrogateescape") for line in lines[1:]] == [b"-v\xff\r", b"+\x1b[31mv"]


_lines = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "\n"]), max_size=12).map("".join)


@given(_lines, _lines.filter(bool), st.sampled_from(["", "c"]))
def test_a_diff_is_one_that_patch_understands(before: str, after: str, end: str) -> None:
    old, new = before.splitlines(), (after + end).splitlines()
    lines = difference(before.encode(), (after + end).encode()) if before != after + end else []
    assert patched(old, lines) == new


def patched(old: list[str], diff: list[str]) -> list[str]:
    """The old lines with the hunks done to them, each at the place and of the length that it claims."""
    new: list[str] = []
    at = 0
    for line in diff:
        if line.startswith("@@"):
            match = re.fullmatch(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", line)
            assert match
            begin = int(match[1]) - (match[2] != "0")
            new += old[at:begin]
            at = begin
            assert len(new) == int(match[3]) - (match[4] != "0")
        elif line.startswith("+"):
            new.append(line[1:])
        elif not line.startswith("\\"):
            assert old[at] == line[1:]
            new += [line[1:]] * line.startswith(" ")
            at += 1
    return new + old[at:]


def test_a_line_that_changed_among_thousands_alike_is_found() -> None:
    before = [f"{n % 120:03}\n" for n in range(8192)]
    after = [*before[:4000], "new\n", *before[4001:]]
    shown = difference("".join(before).encode(), "".join(after).encode())
    assert shown == ["@@ -4000,3 +4000,3 @@", f" {3999 % 120:03}", f"-{4000 % 120:03}", "+new", f" {4001 % 120:03}"]


def slow_to_compare(groups: int) -> dict[str, str]:
    """Outputs in which every line equals many of the other side, and is followed by another one in each."""
    lines = [f"{n % 120:03}\n" for n in range(8192)]
    return {f"h{seed}": "".join(random.Random(seed).sample(lines, len(lines))) for seed in range(groups)}


def test_outputs_that_take_long_to_compare_are_shown_whole_and_the_reason_with_them() -> None:
    outputs = slow_to_compare(2)
    text = show("fold", run_of(outputs), Layout(diff=True)).text
    assert text.endswith("─\n(not compared with h0: that would take too long; this is all of it)\n" + outputs["h1"])


def test_the_work_of_all_comparisons_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleetctl.views.diff._STEPS_OF_A_RUN", 100)
    text = show("fold", run_of({f"h{n}": f"{n}\n" for n in range(9)}), Layout(diff=True)).text
    assert text.count("+++ ") == 4
    assert text.count("that would take too long") == 4


def test_outputs_over_1_mib_are_not_compared() -> None:
    outputs = {"a": "x" * 1024 * 1024, "b": "x" * 1024 * 1024 + "y"}
    text = show("fold", run_of(outputs), Layout(diff=True)).text
    assert "─\n(not compared with a: they are over 1 MiB; this is all of it)\nxxx" in text


def test_groups_that_differ_by_exit_code_alone_said_the_same() -> None:
    events: list[Event] = [begun("a", "b"), said("a", "x"), said("b", "x"), ended("a"), ended("b", Status.FAILED, 3)]
    assert show("fold", over(events), Layout(diff=True)).text.endswith("(the same output)\n")


def test_output_beyond_the_cap_is_counted_and_still_told_apart() -> None:
    events: list[Event] = [begun("a", "b")]
    for host, last in (("a", b"1"), ("b", b"2")):
        events += [said(host, b"x" * CAP), said(host, b"\n" + last), ended(host)]
    text = show("fold", over(events)).text
    assert headings(text) == [("a", "1", ""), ("b", "1", "")]
    assert text.count("… 2 bytes more are not shown; --save DIR keeps all of them\n") == 2


def test_both_shows_lines_first_and_groups_after() -> None:
    text = show("both", run_of({"a1": "hi\n", "a2": "hi\n"})).text
    assert text.startswith("a1: hi\na2: hi\n───")
    assert text.endswith("hi\n")
