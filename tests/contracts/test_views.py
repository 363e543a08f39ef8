"""What every view owes: no run breaks it, memory stays bounded, and an output that is gone is told once."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from fleetctl.cli.options import ViewName
from fleetctl.events import ErrorFacts, Event, HostStarted, Output, Progress, Status, Totals, Transferred
from fleetctl.views import _VIEWS, BatchLines, Consumer, Footer, Layout, Recap, Screen, Underway, Verdict, open_view
from tests.support.showing import Paper, begun, ended, over, play, runs, said, show
from tests.views.moving import copied, going, moved, moving_runs
from tests.views.playing import at, done, job_runs, started

_PIECE = b"x" * 1023 + b"\n"
_MOST_BYTES = 48 * 1024 * 1024

any_runs = runs() | moving_runs() | job_runs()
layouts = st.builds(Layout, prefix=st.booleans(), diff=st.booleans(), raw=st.booleans())


class _Gone(io.BytesIO):
    """The reading end of a pipe was closed after some bytes."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self._left = after

    def write(self, data: object) -> int:
        self._left -= 1
        if self._left < 0:
            raise BrokenPipeError(32, "Broken pipe")
        return 0


class _Nowhere(io.BytesIO):
    def write(self, data: object) -> int:
        return 0


def consumers(name: str, screen: Screen) -> list[Consumer]:
    underway = Underway()
    lines = BatchLines(screen, quiet=False)
    view, closing = open_view(name, screen, Layout()), Verdict(screen, quiet=False)
    return [underway, view, Footer(screen, underway), lines, Recap(screen), closing]


# A run takes longer to draw than to show: each that is drawn is shown by every view.
@given(
    run=any_runs,
    layout=layouts,
    terminal=st.booleans(),
    colour=st.booleans(),
    length=st.integers(0, 60),
)
def test_no_run_breaks_any_wherever_it_ends(
    run: list[Event], layout: Layout, terminal: bool, colour: bool, length: int
) -> None:
    for name in ViewName:
        note(name)
        show(name, run[:length], layout, terminal=terminal, colour=colour, width=20)
        show(name, run, layout, terminal=terminal, colour=colour)


@given(run=any_runs)
def test_results_never_go_to_stderr_but_for_lines_of_stderr(run: list[Event]) -> None:
    for name in ViewName:
        note(name)
        shown = show(name, run)
        if name not in {"stream", "both"}:
            assert shown.err == b""


def flood(hosts: int) -> Iterator[Event]:
    """64 MiB in all, different for each host, in lines of 1 KiB, in a step of a job."""
    names = [f"h{n}" for n in range(hosts)]
    yield started(*names)
    for name in names:
        yield HostStarted(host=name)
        yield at(name, 1)
        yield said(name, f"I am {name}\n")
    for _ in range(64 * 1024 // hosts):
        for name in names:
            yield Output(host=name, stream="stdout", data=_PIECE)
    yield from over([event for name in names for event in (done(name, 1), ended(name))])


@pytest.mark.parametrize("name", ViewName)
@pytest.mark.parametrize("hosts", [1, 16])
def test_memory_is_bounded_while_64_mib_go_through(name: str, hosts: int) -> None:
    screen = Screen(_Nowhere(), _Nowhere())
    view = open_view(name, screen, Layout())
    tracemalloc.start()
    try:
        for event in flood(hosts):
            view.show(event)
        view.close()
        assert tracemalloc.get_traced_memory()[1] < _MOST_BYTES
    finally:
        tracemalloc.stop()


def flood_of_files(hosts: int) -> Iterator[Event]:
    """Records of 64 MiB in all."""
    names = [f"h{n}" for n in range(hosts)]
    yield begun(*names)
    for number in range(64 * 256 // hosts):
        for name in names:
            yield moved(name, f"{number}" + "/d" * 2048)
            yield going(name, number, number)
    finished = [copied(name, Totals(files=1)) for name in names]
    yield from over(finished)


@pytest.mark.parametrize("name", sorted(set(ViewName) - {"steps"}))  # which leaves what is no job to fold
@pytest.mark.parametrize("hosts", [1, 16])
def test_memory_is_bounded_while_a_great_many_files_are_moved(name: str, hosts: int) -> None:
    screen = Screen(_Nowhere(), _Nowhere())
    views = consumers(name, screen)
    tracemalloc.start()
    try:
        for event in flood_of_files(hosts):
            for view in views:
                view.show(event)
        for view in views:
            view.close()
        assert tracemalloc.get_traced_memory()[1] < _MOST_BYTES
    finally:
        tracemalloc.stop()


@given(run=moving_runs())
def test_what_people_read_about_files_comes_as_output(run: list[Event]) -> None:
    without = [event for event in run if not isinstance(event, Transferred | Progress)]
    for name in sorted(set(ViewName) - {"json", "ndjson"}):
        note(name)
        assert show(name, run) == show(name, without)


@pytest.mark.parametrize("name", ViewName)
@pytest.mark.parametrize("terminal", [False, True])
def test_a_file_whose_name_is_no_text_can_fail(name: str, terminal: bool) -> None:
    error = ErrorFacts("access-denied", "cannot write caf\udce9: permission denied")
    failed = copied("a", Totals(failed=1), Status.FAILED, error)
    paper = Paper()
    for view in consumers(name, paper.screen(terminal=terminal)):
        play(view, over([begun("a"), HostStarted(host="a"), failed]))
    assert b"permission denied" in paper.shown().out + paper.shown().err


@pytest.mark.parametrize("name", ViewName)
@pytest.mark.parametrize("after", [0, 1, 3])
def test_an_output_that_is_gone_is_told_by_show_and_not_by_close(name: str, after: int) -> None:
    view = open_view(name, Screen(_Gone(after), _Nowhere()), Layout())
    run = over([begun("a", "b"), said("a", "x\n"), said("b", "y\n"), ended("a"), ended("b")])
    failures = 0
    for event in run:
        try:
            view.show(event)
        except BrokenPipeError:
            failures += 1
            break
    view.close()
    assert failures == 1 or after


@pytest.mark.parametrize("name", ViewName)
def test_a_terminal_that_is_gone_does_not_make_close_fail(name: str) -> None:
    gone = _Gone(0)
    screen = Screen(gone, gone, out_is_terminal=True, err_is_terminal=True)
    for view in consumers(name, screen):
        with suppress(BrokenPipeError):
            for event in over([begun("a"), said("a", "x\n"), ended("a")]):
                view.show(event)
        view.close()


@given(run=any_runs)
def test_a_footer_and_a_verdict_go_along_with_each(run: list[Event]) -> None:
    for name in ViewName:
        note(name)
        paper = Paper()
        views = consumers(name, paper.screen(terminal=True))
        for event in run:
            for view in views:
                view.show(event)
        for view in views:
            view.close()
        assert paper.shown().out.endswith(b"\n")


def test_the_command_line_offers_every_view_and_no_other() -> None:
    assert set(ViewName) == set(_VIEWS)


def test_an_unknown_name_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        open_view("html", Paper().screen(), Layout())
