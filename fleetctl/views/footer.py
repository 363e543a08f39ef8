"""Live lines at the bottom of the terminal: how far the run, its files or its steps are, and who keeps it waiting."""

from __future__ import annotations

import threading
from collections.abc import Collection

from fleetctl.events import Event, HostFinished, Progress, RunFinished, RunStarted
from fleetctl.nodes import fold
from fleetctl.views.grid import Grid
from fleetctl.views.movement import Movement
from fleetctl.views.screen import GREY, REDRAW_SECONDS, Screen, Span
from fleetctl.views.underway import Underway

_JOIN_SECONDS = 5.0
_FEW = 5
_LONG_SECONDS = 5.0
_MOST_ROWS = 15
_SHARE = 3
"""Of the screen a grid takes one part in so many."""


class Footer:
    """Only where stderr is a terminal. Has a thread of its own, so that time goes on while nothing happens.

    Args:
        underway: knows how far the run is; it hears of each event first.
    """

    def __init__(self, screen: Screen, underway: Underway) -> None:
        self._screen = screen
        self._underway = underway
        self._state_lock = threading.Lock()
        self._files = Movement()
        self._grid = Grid()
        self._began = screen.clock()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def show(self, event: Event) -> None:
        if not self._screen.err_is_terminal:
            return
        with self._state_lock:
            self._note(event)
        if isinstance(event, RunFinished):
            self.close()

    def close(self) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join(_JOIN_SECONDS)
            self._thread = None
        self._screen.footer()

    def _note(self, event: Event) -> None:
        self._grid.note(event, self._screen.clock())
        match event:
            case RunStarted(hosts=hosts):
                self._files.begin(len(hosts))
                self._thread = threading.Thread(target=self._redraw, name="footer", daemon=True)
                self._thread.start()
            case Progress():
                self._files.go_on(event, self._screen.clock())
            case HostFinished(host=host, outcome=outcome):
                self._files.finish(host, outcome, self._screen.clock())

    def _redraw(self) -> None:
        while not self._over.wait(REDRAW_SECONDS):
            with self._state_lock:
                lines = self._lines()
            self._screen.footer(*lines)

    def _lines(self) -> list[list[Span]]:
        """Of a job its grid, and below it what any run has."""
        room = min(_MOST_ROWS, self._screen.err_height // _SHARE)
        rows = self._grid.lines(room, self._screen.err_width - 1, self._screen.clock())
        return [*rows, [(self._text(), GREY)]]

    def _text(self) -> str:
        now = self._screen.clock()
        progress = self._underway.progress
        batch = [f"batch {progress.batch}/{progress.batches}"] if progress.batches else []
        failed = [f"{progress.troubled} failed"] if progress.troubled else []
        seconds = now - self._began
        near_the_end = seconds >= _LONG_SECONDS and 0 < progress.total - progress.done <= _FEW
        done = f"{progress.done}/{progress.total}"
        if self._files.bytes:
            head = [*batch, f"{done} hosts", *failed]
            waiting = _waiting(self._files.idle(progress.running) if near_the_end else [])
            return self._files.line(head, waiting, self._screen.err_width - 1, now)
        parts = [*batch, f"{done} done", f"{len(progress.running)} running", *failed, f"{seconds:.0f} s"]
        return " · ".join([*parts, *_waiting(progress.running if near_the_end else ())])


def _waiting(hosts: Collection[str]) -> list[str]:
    return [f"waiting for {fold(hosts)}"] if hosts else []
