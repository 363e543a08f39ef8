"""The page of a run says what the run was, however it went, and whatever its hosts sent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings

from fleetctl.events import (
    ErrorFacts,
    Event,
    HostFinished,
    HostStarted,
    Outcome,
    Output,
    RunFinished,
    Status,
    StepCounts,
    StepStatus,
    Totals,
    Transferred,
)
from fleetctl.views.html import charts
from fleetctl.views.html.report import HtmlReport
from tests.support.showing import begun, ended, over, refused, run_of, runs, said
from tests.support.told_runs import told
from tests.views.playing import finished, job_runs, started, step

UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class Reading(HTMLParser):
    """The page as a browser would take it apart: how often each tag begins, and the texts by class."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: dict[str, list[str]] = {}
        self._inside: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in {"meta", "input", "rect", "path", "polyline"}:
            self._inside.append(dict(attrs).get("class") or tag)
            self.texts.setdefault(self._inside[-1], []).append("")

    def handle_endtag(self, tag: str) -> None:
        if self._inside:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.texts[self._inside[-1]][-1] += data


def page_of(events: Iterable[Event], about: Sequence[tuple[str, str]] = ()) -> str:
    pieces: list[str] = []
    report = HtmlReport(pieces.append, about)
    for event in events:
        report.show(event)
    report.close()
    return "".join(pieces)


def read(events: Iterable[Event]) -> Reading:
    return Reading(page_of(events))


@given(runs() | job_runs())
@settings(max_examples=40)
def test_whatever_hosts_send_is_text_and_every_host_has_a_row(run: list[Event]) -> None:
    page = page_of(run)
    reading = Reading(page)
    assert reading.tags.count("tr") == 1 + sum(isinstance(event, HostFinished) for event in run)
    assert reading.tags.count("script") == reading.tags.count("style") == 1
    assert not UNSEEN.search(page)


def test_the_page_asks_for_nothing_and_lets_only_its_own_script_and_style_in() -> None:
    reading = Reading(page_of(run_of({"a": "<img src=//x onerror=y>"}), [("By", "<i>anna</i>")]))
    assert {"link", "img", "iframe", "object", "base", "i"}.isdisjoint(reading.tags)
    names = {name for name, _ in reading.attributes}
    assert {"src", "action", "style"}.isdisjoint(names)
    assert not [name for name in names if name.startswith("on")]
    assert all(value and value.startswith("#") for name, value in reading.attributes if name == "href")
    (policy,) = [value for name, value in reading.attributes if name == "content" and value and "default-src" in value]
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-\S+'; script-src 'sha256-\S+'; base-uri 'none'; form-action 'none'",
        policy,
    )
    assert reading.texts["stdout"] == ["<img src=//x onerror=y>"]
    assert "<i>anna</i>" in reading.texts["dd"]


def test_a_row_says_how_long_each_part_took_and_what_went_wrong() -> None:
    events: list[Event] = [begun("web01", "web02", "web03", "web04"), HostStarted(host="web01", at=1.0)]
    outcome = Outcome(
        Status.FAILED,
        exit_code=3,
        seconds=2.0,
        timings={"connect": 0.25, "handshake": 0.125, "login": 0.125},
        repeats=2,
    )
    events += [HostFinished(host="web01", outcome=outcome, at=3.0), refused("web02")]
    totals = Totals(files=2, bytes=2048, failed=1)
    files = Outcome(Status.FAILED, totals=totals, error=ErrorFacts("transfer", "1 file failed"), remote_ended=False)
    why = ErrorFacts("no-space", "the disk is full")
    events += [
        HostStarted(host="web03", at=0.0),
        Transferred(host="web03", path="etc/motd", action="failed", error=why),
        HostFinished(host="web03", outcome=files, at=4.0),
        HostFinished(host="web04", outcome=Outcome(Status.SKIPPED), at=4.0),
        RunFinished(counts={Status.FAILED: 2, Status.UNREACHABLE: 1, Status.SKIPPED: 1}, stopped="too many", at=4.0),
    ]
    page = page_of(events)
    reading = Reading(page)
    assert reading.texts["h1"] == ["0 of 4 hosts are ok"]
    assert reading.texts["remark"] == ["stopped: too many", "2 files, 2.0 KiB moved on 1 host · 1 failed"]
    assert "connect 0.25 s, login 0.25 s, run 1.5 s" in reading.texts["title"]
    bars = re.findall(r'<rect class="([\w-]+)" x="(\S+)%" width="(\S+)%"', page.partition("<tbody")[2])
    assert bars == [
        ("connect", "25.00", "6.25"),
        ("login", "31.25", "6.25"),
        ("f-failed", "37.50", "37.50"),
        ("f-failed", "0.00", "100.00"),
    ]
    assert reading.texts["hint"] == ["→ is sshd running there?"]
    assert reading.texts["more"] == [
        "run 3 times",
        "2 files, 2.0 KiB · 1 failed",
        "etc/motd: the disk is full",
        "what was begun there may still run",
    ]


def test_a_long_output_keeps_its_beginning_and_its_end() -> None:
    lines = "".join(f"line {number}\n" for number in range(20_000))
    reading = read(run_of({"a": lines}))
    beginning, end = reading.texts["stdout"]
    assert beginning.startswith("line 0\nline 1\n")
    assert end.endswith("line 19998\nline 19999\n")
    left_out = len(lines) - len(beginning) - len(end)
    assert reading.texts["left-out"] == [
        f"… {left_out:,} bytes more of stdout are not on this page: fleetctl show r1 a"
    ]
    assert lines.startswith(beginning)


def test_the_page_is_bounded_however_much_hosts_say() -> None:
    big = "x" * 79 + "\n"
    assert len(page_of(run_of({f"h{n}": f"{n}\n" + big * 6000 for n in range(100)}))) < 6_000_000


def test_the_page_grows_by_less_than_a_kilobyte_for_a_host() -> None:
    assert len(page_of(told(2000))) - len(page_of(told(1000))) < 1000 * 1024


def test_groups_are_told_by_what_differs_from_the_largest() -> None:
    reading = read(run_of({"a": "1\n2\n3\n4\n5\n", "b": "1\n2\n3\n4\n5\n", "c": "1\n2\n3\n4\nfive\n"}))
    assert reading.texts["count"] == ["2", "1"]
    assert reading.texts["names"] == ["a,b", "c"]
    assert (reading.texts["old"], reading.texts["new"]) == (["-5\n"], ["+five\n"])


def test_what_cannot_be_compared_is_shown_as_a_whole() -> None:
    reading = read(run_of({"a": "same\n", "b": "same\n", "c": "all\nof it\nis other\n"}))
    assert "diff" not in reading.texts
    assert reading.texts["stdout"] == ["same\n", "all\nof it\nis other\n"]


def test_files_that_went_well_need_no_output() -> None:
    outcome = Outcome(Status.OK, totals=Totals(files=1, bytes=10))
    assert "card" not in read(over([begun("a"), HostFinished(host="a", outcome=outcome)])).texts


def test_a_run_without_hosts_or_time_is_a_page_too() -> None:
    assert "All 0 hosts are ok" in page_of(over([begun()]))
    assert "The host is ok" in page_of(over([begun("a"), HostStarted(host="a"), ended("a")]))
    quick: list[Event] = [
        begun("a"),
        HostStarted(host="a"),
        HostFinished(host="a", outcome=Outcome(Status.OK, exit_code=0)),
    ]
    assert "The host is ok" in page_of([*quick, RunFinished(counts={Status.OK: 1})])


def test_a_cancelled_run_is_not_called_good() -> None:
    page = page_of(over([begun("a"), said("a", "x"), ended("a")], cancelled="interrupted\x1b[2J"))
    assert '<header class="bad">' in page
    assert '<p class="remark">cancelled: interrupted</p>' in page


@pytest.mark.parametrize(
    ("span", "labels"),
    [
        (0.01, ["0", "2 ms", "4 ms", "6 ms", "8 ms", "10 ms"]),
        (1.0, ["0", "0.20 s", "0.40 s", "0.60 s", "0.80 s", "1.0 s"]),
        (4.2, ["0", "1.0 s", "2.0 s", "3.0 s", "4.0 s"]),
        (50, ["0", "10 s", "20 s", "30 s", "40 s", "50 s"]),
        (600, ["0", "2 min", "4 min", "6 min", "8 min", "10 min"]),
        (90_000, ["0", "6 h", "12 h", "18 h", "1 d"]),
    ],
)
def test_time_is_marked_at_round_numbers(span: float, labels: list[str]) -> None:
    assert [tick.label for tick in charts.ticks(span)] == labels


def test_a_few_hosts_that_took_for_ever_do_not_press_the_others_into_one_column() -> None:
    drawn = charts.durations([(1.0 + n / 100, n % 10 != 0) for n in range(99)] + [(3600.0, False)])
    assert drawn is not None
    assert (drawn.middle, drawn.slowest) == ("1.5 s", "1 h")
    assert len(drawn.columns) > 5
    assert drawn.columns[-1].told.startswith("1 took ")
    assert drawn.columns[-1].told.endswith(" and more, 1 of them not ok")


def test_output_in_pieces_and_on_both_streams_is_joined() -> None:
    events: list[Event] = [begun("a"), said("a", "one "), Output(host="a", stream="stderr", data=b"oops\n")]
    reading = read(over([*events, said("a", "line\n"), ended("a")]))
    assert (reading.texts["stdout"], reading.texts["stderr"]) == (["one line\n"], ["oops\n"])


def test_a_job_is_told_step_by_step_with_a_mark_for_each_step_of_each_host() -> None:
    hint = ErrorFacts("x", "it does not <start>", hint="look at journalctl")
    events: list[Event] = [
        started("web01", "web02"),
        HostStarted(host="web01"),
        HostStarted(host="web02"),
        *step("web01", 1, "got it\n", seconds=0.5),
        *step("web02", 1, "got it\n", seconds=2.0),
        *step("web01", 2, status=StepStatus.SKIPPED, why="creates: /etc/x is there"),
        *step("web02", 2, "try\n", StepStatus.FAILED, err="badly", exit_code=1, error=hint),
        *step("web01", 4),
        finished("web01", StepCounts(changed=2, skipped=1)),
        finished("web02", StepCounts(changed=1, failed=1), Status.FAILED, "restart nginx", exit_code=1),
    ]
    page = page_of(over(events))
    steps = re.findall(r'<span class="place">(.*?)</span> (.*?) <small>(.*?)</small>', page)
    assert steps == [
        ("step 1/3", "fetch", "2 changed, 2.0 s at most"),
        ("step 2/3", "restart nginx", "1 skipped, 1 failed, 0 ms at most"),
        ("handler 1/1", "reload", "1 changed, 0 ms at most"),
    ]
    cards = re.findall(r'<details class="card" id="output-(\d)"( open)?>\n<summary>(.*?)</summary>', page)
    assert [(number, bool(is_open), re.sub("<.*?>", "", summary)) for number, is_open, summary in cards] == [
        ("1", False, "2 web[01-02] changed"),
        ("2", True, "1 web02 failed: exit 1: it does not &lt;start&gt;"),
        ("3", False, "1 web01 skipped: creates: /etc/x is there"),
        ("4", False, "1 web01 changed"),
    ]
    assert "→ look at journalctl" in page
    assert re.findall(r'data-groups="(.*?)"', page) == ["1 3 4", "2 1"]
    marks = re.findall(r'<rect class="f-(\w+)" x="([0-9.]+)%" width="25.00%" height="100%"><title>(.*?)</title>', page)
    assert marks == [
        ("changed", "0.00", "fetch: changed, 0.50 s"),
        ("skipped", "25.00", "restart nginx: skipped, 0 ms: creates: /etc/x is there"),
        ("changed", "75.00", "reload: changed, 0 ms"),
        ("changed", "0.00", "fetch: changed, 2.0 s"),
        ("failed", "25.00", "restart nginx: failed, 0 ms: exit 1: it does not &lt;start&gt;"),
    ]


def test_of_a_step_in_which_everybody_says_something_else_only_some_are_shown() -> None:
    hosts = [f"h{n}" for n in range(130)]
    events: list[Event] = [started(*hosts)]
    for host in hosts:
        events += step(host, 1, host)
    page = page_of(over(events))
    assert page.count('class="card"') == 100
    assert "… 30 different results more are not on this page: fleetctl show r1" in page
