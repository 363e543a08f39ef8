"""Events made by hand or by hypothesis, shown by a view on a screen without a terminal."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from fleetctl.events import (
    ErrorFacts,
    Event,
    HostFinished,
    HostStarted,
    Outcome,
    Output,
    RunFinished,
    RunStarted,
    Status,
    Stream,
)
from fleetctl.views import Consumer, Layout, Screen, open_view


@dataclass(frozen=True)
class Shown:
    """What a view left on stdout and stderr."""

    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        return self.out.decode()

    @property
    def talk(self) -> str:
        return self.err.decode()


class Paper:
    """Two streams to write on, and screens over them."""

    def __init__(self) -> None:
        self.out = io.BytesIO()
        self.err = io.BytesIO()

    def screen(
        self,
        *,
        terminal: bool = False,
        colour: bool = False,
        width: int = 80,
        clock: Callable[[], float] = lambda: 0.0,
    ) -> Screen:
        """A screen whose stdout and stderr are both one terminal, or both piped."""
        if terminal:
            self.err = self.out
        return Screen(
            self.out,
            self.err,
            out_is_terminal=terminal,
            err_is_terminal=terminal,
            out_width=lambda: width,
            err_width=lambda: width,
            colour=colour,
            clock=clock,
        )

    def shown(self) -> Shown:
        return Shown(self.out.getvalue(), self.err.getvalue())


def show(
    name: str,
    events: Iterable[Event],
    layout: Layout | None = None,
    *,
    terminal: bool = False,
    colour: bool = False,
    width: int = 80,
) -> Shown:
    """All that the view of that name writes about a run."""
    paper = Paper()
    play(open_view(name, paper.screen(terminal=terminal, colour=colour, width=width), layout or Layout()), events)
    return paper.shown()


def play(view: Consumer, events: Iterable[Event]) -> None:
    try:
        for event in events:
            view.show(event)
    finally:
        view.close()


def begun(*hosts: str) -> RunStarted:
    return RunStarted(run="r1", operation="run df", hosts=hosts, fanout=8, started=1_700_000_000.0)


def said(host: str, data: bytes | str, stream: Stream = "stdout") -> Output:
    return Output(host=host, stream=stream, data=data.encode() if isinstance(data, str) else data)


def ended(
    host: str, status: Status = Status.OK, exit_code: int | None = None, error: ErrorFacts | None = None
) -> HostFinished:
    code = 0 if status is Status.OK and exit_code is None else exit_code
    return HostFinished(host=host, outcome=Outcome(status, exit_code=code, error=error, seconds=1.25))


def refused(host: str, message: str = "connection refused", hint: str = "is sshd running there?") -> HostFinished:
    return ended(host, Status.UNREACHABLE, error=ErrorFacts("connection-refused", message, hint))


def over(events: Sequence[Event], cancelled: str = "") -> list[Event]:
    """The events with the RunFinished that belongs to them."""
    counts = Counter(event.outcome.status for event in events if isinstance(event, HostFinished))
    return [*events, RunFinished(counts=dict(counts), cancelled=cancelled, at=3.4)]


def run_of(outputs: dict[str, str]) -> list[Event]:
    """A whole run in which every host is ok and says its part on stdout."""
    events: list[Event] = [begun(*outputs)]
    for host, text in outputs.items():
        events += [HostStarted(host=host), said(host, text), ended(host)]
    return over(events)


_CONTROL = re.compile(rb"\x1b\[[0-9;]*m|\r|\n|\x1b\[[KA]|[^\x1b\r\n]+|\x1b")


def on_terminal(data: bytes) -> list[str]:
    """The lines that a terminal shows in the end, for what Screen uses: newline, return, erase, up, colours."""
    lines = [""]
    row = column = 0
    for token in _CONTROL.findall(data):
        if token == b"\n":
            row, column = row + 1, 0
            lines += [""] * (row == len(lines))
        elif token == b"\r":
            column = 0
        elif token == b"\x1b[A":
            row -= 1
        elif token == b"\x1b[K":
            lines[row] = lines[row][:column]
        elif not token.startswith(b"\x1b"):
            text = token.decode(errors="replace")
            lines[row] = lines[row][:column] + text + lines[row][column + len(text) :]
            column += len(text)
    return lines[: row + 1] if not any(lines[row + 1 :]) else lines


_ACTIVE = st.sampled_from(
    [b"\x1b[2J", b"\x1b]0;title\x07", b"\x1b[31m", b"\x1b[0m", b"\x1b", b"\x9b", "\x9b2J".encode(), b"\x00", b"\r\n"]
)
_ODD = st.sampled_from(
    [b"\xff\xfe", "é€😀".encode(), "\u202e".encode(), b"\x1bP", b"\x1b\\", b"\t", b"\n", b"plain text\n"]
)
output_bytes = st.lists(_ACTIVE | _ODD | st.binary(max_size=12), max_size=8).map(b"".join)
_streams: st.SearchStrategy[Stream] = st.sampled_from(["stdout", "stderr"])

outcomes = st.one_of(
    st.just(Outcome(Status.OK, exit_code=0)),
    st.builds(Outcome, st.just(Status.FAILED), exit_code=st.integers(1, 3)),
    st.just(Outcome(Status.FAILED, signalled=True)),
    st.builds(
        Outcome,
        st.sampled_from([Status.UNREACHABLE, Status.TIMEOUT, Status.CANCELLED, Status.SKIPPED, Status.ERROR]),
        error=st.builds(ErrorFacts, st.just("code"), st.text(max_size=8), st.text(max_size=8)),
    ),
)


@st.composite
def runs(draw: st.DrawFn, max_hosts: int = 6) -> list[Event]:
    """A valid run: hosts that start, speak in pieces between one another, and end; some never begin."""
    numbers = draw(st.lists(st.integers(1, 30), max_size=max_hosts, unique=True))
    parts = [draw(_part(f"web{number:02}")) for number in numbers]
    order = draw(st.permutations([n for n, part in enumerate(parts) for _ in part]))
    queues = [iter(part) for part in parts]
    events: list[Event] = [begun(*(f"web{number:02}" for number in numbers))]
    return over(events + [next(queues[n]) for n in order], draw(st.sampled_from(["", "interrupted"])))


@st.composite
def _part(draw: st.DrawFn, host: str) -> list[Event]:
    end = HostFinished(host=host, outcome=draw(outcomes))
    if draw(st.integers(0, 9)) == 0:
        return [end]
    spoken = draw(st.lists(st.builds(Output, host=st.just(host), stream=_streams, data=output_bytes), max_size=4))
    return [HostStarted(host=host), *spoken, end]
