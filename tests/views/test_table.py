"""One row per host, in the order of the inventory; and the plain tables of other commands."""

from __future__ import annotations

import pytest

from fleetctl.events import ErrorFacts, Event, HostFinished, Outcome, Status, StepCounts
from fleetctl.views import render_table
from tests.support.showing import Paper, begun, ended, over, refused, said, show
from tests.views.playing import finished, started, step


def last_line(*pieces: tuple[str, str]) -> str:
    events: list[Event] = [begun("a")]
    events += [said("a", data, "stdout" if stream == "out" else "stderr") for stream, data in pieces]
    return show("table", over([*events, ended("a")])).text.splitlines()[1].partition("1.25")[2].strip()


def test_rows_are_in_the_order_of_the_run_and_columns_align() -> None:
    events: list[Event] = [
        begun("web01", "db"),
        refused("db"),
        said("web01", "x\ny\n"),
        ended("web01", Status.FAILED, 3),
    ]
    assert show("table", over(events)).text.splitlines() == [
        "host   status       exit  seconds  last line",
        "web01  failed       3     1.25     y",
        "db     unreachable        1.25     connection refused",
    ]


def test_the_last_line_is_that_of_stdout() -> None:
    assert last_line(("out", "one\ntwo\n"), ("err", "warning\n")) == "two"


def test_the_last_line_is_that_of_stderr_where_stdout_is_silent() -> None:
    assert last_line(("err", "warning\n")) == "warning"


def test_blank_lines_do_not_count() -> None:
    assert last_line(("out", "one\n\n  \n")) == "one"


def test_a_line_that_came_in_pieces_is_whole() -> None:
    assert last_line(("out", "first\nhel"), ("out", "lo "), ("out", "you")) == "hello you"
    assert last_line(("out", "hel"), ("out", "lo\n")) == "hello"


def test_of_an_endless_line_the_beginning_is_shown() -> None:
    assert last_line(("out", "begin" + "x" * 100_000), ("out", "y" * 1000)).startswith("beginxxx")


def test_piped_rows_are_never_cut() -> None:
    assert last_line(("out", "w" * 300)) == "w" * 300


def test_on_a_terminal_a_row_takes_one_line() -> None:
    events = over([begun("a"), said("a", "w" * 300), ended("a")])
    lines = show("table", events, terminal=True, width=60).text.splitlines()
    assert all(len(line) <= 60 for line in lines)
    (row,) = (line.split() for line in lines if "w" in line)
    assert row[:4] == ["a", "ok", "0", "1.25"]
    assert set(row[4]) == {"w", "…"}


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (120, ["host status exit seconds last line", "web01 failed 3 1.25 disk full", "db unreachable 1.25 refused"]),
        (80, ["host status exit seconds last line", "web01 failed 3 1.25 disk full", "db unreachable 1.25 refused"]),
        (60, ["host status exit seconds last line", "web01 failed 3 1.25 disk full", "db unreachable 1.25 refused"]),
        (40, ["host status exit seconds", "web01 failed 3 1.25", "db unreachable 1.25"]),
        (30, ["host status exit", "web01 failed 3", "db unreachable"]),
        (22, ["host status", "web01 failed", "db unreachable"]),
        (20, ["host status", "web01 failed", "db unreachable"]),
        (10, ["host status", "web01 failed", "db unreachable"]),
    ],
)
def test_a_narrow_terminal_loses_columns_from_the_right_and_never_a_part_of_one(width: int, shown: list[str]) -> None:
    events: list[Event] = [begun("web01", "db"), said("web01", "disk full"), ended("web01", Status.FAILED, 3)]
    lines = show("table", over([*events, refused("db", "refused")]), terminal=True, width=width).text.splitlines()
    assert [" ".join(line.split()) for line in lines if line.strip(" ─")] == shown
    assert max(map(len, lines)) <= max(width, len("web01  unreachable"))


def test_what_became_of_a_command_that_was_cut_short_is_shown_instead_of_its_last_words() -> None:
    outcome = Outcome(Status.TIMEOUT, error=ErrorFacts("timed-out", "not done within 1 s"), killed=True)
    events: list[Event] = [begun("a"), said("a", "busy"), HostFinished(host="a", outcome=outcome)]
    assert show("table", over(events)).text.splitlines()[1].split(maxsplit=3)[3] == "not done within 1 s; killed"


def test_in_other_tables_a_narrow_terminal_loses_nothing() -> None:
    fingerprint = "SHA256:" + "0123456789" * 4 + "abc"
    paper = Paper()
    render_table(
        paper.screen(terminal=True, width=50),
        ("host", "address", "type", "fingerprint", "state"),
        [("web01.example.com", "192.168.100.100:2222", "ssh-ed25519", fingerprint, "new")],
    )
    lines = paper.shown().text.splitlines()
    assert all(len(line) <= 50 for line in lines)
    rows = lines[next(n for n, line in enumerate(lines) if "web01" in line) :]
    edge, end = rows[0].index("SHA256"), rows[0].index("new")
    assert "".join(row[edge:end].strip() for row in rows) == fingerprint


def test_other_tables_are_plain_text_where_not_even_the_names_of_columns_fit() -> None:
    paper = Paper()
    render_table(paper.screen(terminal=True, width=10), ("setting", "value"), [("user", "deploy")])
    assert paper.shown().text == "setting  value\nuser     deploy\n"


def test_the_colour_of_a_row_says_whether_it_is_trouble() -> None:
    paper = Paper()
    rows = [("a", "same"), ("b", "new"), ("c", "CHANGED")]
    render_table(paper.screen(terminal=True, colour=True), ("host", "state"), rows, style_by=1)
    for coloured in ("\x1b[32msame", "\x1b[33mnew", "\x1b[1;31mCHANGED"):
        assert coloured in paper.shown().text


def test_without_colour_a_terminal_gets_no_escapes_and_with_colour_it_does() -> None:
    events = over([begun("a"), refused("a")])
    assert "\x1b" not in show("table", events, terminal=True).text
    assert "\x1b[" in show("table", events, terminal=True, colour=True).text


def test_cells_from_a_server_are_made_harmless() -> None:
    paper = Paper()
    render_table(paper.screen(), ("a",), [("x\x1b[2Jy\n",)])
    assert paper.shown().text == "a\nxy^J\n"


def test_a_host_of_a_job_has_the_counts_of_its_steps_and_where_it_stopped() -> None:
    events: list[Event] = [started("a", "b"), *step("a", 1, "hi\n"), *step("b", 1, "hi\n")]
    bad = finished("b", StepCounts(changed=1, failed=1), Status.FAILED, "check", exit_code=2)
    table = show("table", over([*events, finished("a", StepCounts(ok=2, changed=11, skipped=3)), bad])).text
    assert table.splitlines() == [
        "host  status  ok  changed  failed  skipped  seconds  last line",
        "a     ok      2   11       0       3        1.25     hi",
        "b     failed  0   1        1       0        1.25     check: exit 2",
    ]
