"""Equal results are told once, under the names of all hosts that gave them."""

from __future__ import annotations

import re

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
