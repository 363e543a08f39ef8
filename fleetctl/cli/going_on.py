"""The last of the closing lines of a run that was cut short: the exact command that goes on with what is left.

A job is gone on with where each host stopped, also where it failed.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from fleetctl.events import Event, HostFinished, RunFinished, RunStarted, Status
from fleetctl.nodes import fold
from fleetctl.views import Screen


class GoOn:
    """Called from one thread.

    Args:
        words: what was typed after `fleetctl`; () where the same words would mean other hosts, or hold a secret.
        kept: whether the run is in the history.
    """

    def __init__(self, screen: Screen, words: Sequence[str], *, kept: bool) -> None:
        self._screen = screen
        self._words = list(words)
        self._kept = kept
        self._run = ""
        self._resumes = False
        self._done: list[str] = []
        self._left: list[str] = []

    def show(self, event: Event) -> None:
        match event:
            case RunStarted(run=run, steps=steps):
                self._run = run
                self._resumes = self._kept and bool(steps)
            case HostFinished(host=host, outcome=outcome):
                is_left = outcome.unfinished or (self._resumes and outcome.status is not Status.OK)
                (self._left if is_left else self._done).append(host)
            case RunFinished() if self._left:
                self._screen.say(f"  go on with: {self._command()}")

    def close(self) -> None:
        """Nothing is held open."""

    def _command(self) -> str:
        if self._resumes:
            return f"fleetctl job resume {self._run}"
        if self._kept:
            return f"fleetctl rerun {self._run} --unfinished"
        if not self._words:
            return f"the same on -t {shlex.quote(fold(self._left))}"
        # Not -t with what is left: the same words may name hosts that are done, each in its own way.
        command, *rest = self._words
        return shlex.join(["fleetctl", command, *(["-x", fold(self._done)] if self._done else []), *rest])
