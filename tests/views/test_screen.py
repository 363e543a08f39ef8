"""Lines and the footer share a terminal without harming one another."""

from __future__ import annotations

import io
import os
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetctl.events import BatchStarted, HostStarted
from fleetctl.views import Footer, Screen, Underway
from tests.support.showing import Paper, begun, ended, on_terminal, over


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([b"line\n", b"part", b"a\nb\n", b"a\nb"]), st.booleans())))
def test_the_footer_takes_nothing_away_and_leaves_nothing_behind(steps: list[tuple[bool, bytes, bool]]) -> None:
    paper = Paper()
    time = iter(range(10_000))
    screen = paper.screen(terminal=True, clock=lambda: float(next(time)))
    for number, (redraw, data, to_out) in enumerate(steps):
        if redraw:
            screen.footer(*[[(f"{number} done {line}", "")] for line in range(number % 4)])
        (screen.write if to_out else screen.write_err)(data)
    screen.footer()
    assert "\n".join(on_terminal(paper.shown().out)).encode() == b"".join(data for _, data, _ in steps)


def test_the_footer_is_drawn_again_below_a_line() -> None:
    paper = Paper()
    time = iter([0.0, 1.0, 1.0, 1.0])
    screen = paper.screen(terminal=True, clock=lambda: next(time))
    screen.footer([("1/2", "")])
    screen.write(b"line\n")
    assert on_terminal(paper.shown().out) == ["line", "1/2"]


def test_a_thousand_lines_at_once_do_not_draw_a_thousand_footers() -> None:
    paper = Paper()
    screen = paper.screen(terminal=True)
    screen.footer([("1/2", "")])
    for _ in range(1000):
        screen.write(b"line\n")
    assert paper.shown().out.count(b"1/2") == 1


def test_a_footer_fits_the_width() -> None:
    paper = Paper()
    paper.screen(terminal=True, width=10).footer([("0123456789abc", "")])
    assert on_terminal(paper.shown().out) == ["012345678"]


@pytest.fixture
def narrow_terminal() -> Iterator[TextIO]:
    """Where a program writes to a terminal of 20 columns."""
    ours, its = os.openpty()
    termios.tcsetwinsize(its, (24, 20))
    with open(its, "w") as terminal, open(ours, "rb", buffering=0):
        yield terminal


def test_each_stream_is_as_wide_as_the_terminal_that_it_is_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, narrow_terminal: TextIO
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    with (tmp_path / "out").open("w") as file:
        for name, stream in (("stdout", file), ("stderr", narrow_terminal)):
            monkeypatch.setattr(sys, name, stream)
        screen = Screen.from_process()
    assert (screen.out_width, screen.err_width) == (80, 20)


def test_there_is_no_footer_where_stderr_is_piped() -> None:
    paper = Paper()
    footer = Footer(paper.screen(), Underway())
    footer.show(begun("a"))
    assert footer._thread is None
    footer.close()
    assert paper.shown().err == b""


def test_the_footer_counts_and_in_the_end_names_who_is_waited_for() -> None:
    now = [0.0]
    underway = Underway(lambda: now[0])
    footer = Footer(Paper().screen(terminal=True, clock=lambda: now[0]), underway)
    events = over([begun("a", "b", "c"), HostStarted(host="a"), HostStarted(host="b"), ended("a")])
    for event in events[:-1]:
        underway.show(event)
        footer.show(event)
    assert footer._text() == "1/3 done · 1 running · 0 s"
    now[0] = 8.0
    assert footer._text() == "1/3 done · 1 running · 8 s · waiting for b"
    underway.show(BatchStarted(number=2, batches=3, hosts=("c",)))
    assert footer._text() == "batch 2/3 · 1/3 done · 1 running · 8 s · waiting for b"
    footer.close()


def test_the_footers_thread_ends_with_the_run() -> None:
    footer = Footer(Paper().screen(terminal=True), Underway())
    footer.show(begun("a"))
    thread = footer._thread
    assert thread is not None
    assert thread.is_alive()
    footer.show(over([begun("a")])[-1])
    assert not thread.is_alive()
    footer.close()


class _Terminal(io.BytesIO):
    def isatty(self) -> bool:
        return True


class _Text:
    def __init__(self) -> None:
        self.buffer = _Terminal()

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("env", "colour", "footer"),
    [
        ({"TERM": "xterm"}, True, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False, True),
        ({"TERM": "xterm", "NO_COLOR": ""}, True, True),
        ({"TERM": "dumb"}, False, False),
    ],
)
def test_the_environment_says_what_the_terminal_can(
    monkeypatch: pytest.MonkeyPatch, env: dict[str, str], colour: bool, footer: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout", _Text())
    monkeypatch.setattr("sys.stderr", _Text())
    screen = Screen.from_process()
    assert (screen.colour, screen.err_is_terminal, screen.out_is_terminal) == (colour, footer, True)
