"""A job that is not played: step by step, what would be done on which hosts, folded where it is the same."""

from __future__ import annotations

import msgspec

from fleetctl.events import BatchStarted, Event, Output, RunFinished, RunStarted, StepFinished
from fleetctl.nodes import fold
from fleetctl.sizes import counted
from fleetctl.views.neutral import sanitize
from fleetctl.views.screen import GREY, Screen

_BOLD = "1"
_MOST_BATCHES = 10
_MOST_WAYS = 8


class _Step(msgspec.Struct):
    """A step, and the hosts of each way to do it, or of each reason not to."""

    name: str
    ways: dict[tuple[str, str], list[str]] = msgspec.field(default_factory=dict)


class PlanView:
    """Shows all of it at the end of the run. Called from one thread. Raises: OSError from `show` when stdout fails."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._title = ""
        self._hosts: tuple[str, ...] = ()
        self._of_job = 0
        self._batches: list[tuple[str, ...]] = []
        self._said: dict[str, str] = {}
        self._steps: dict[int, _Step] = {}

    def show(self, event: Event) -> None:
        match event:
            case RunStarted(operation=operation, hosts=hosts, steps=steps):
                self._title, self._hosts, self._of_job = operation, hosts, len(steps)
            case BatchStarted(hosts=hosts):
                self._batches.append(hosts)
            case Output(host=host, data=data):
                self._said[host] = self._said.get(host, "") + data.decode(errors="replace")
            case StepFinished(host=host, step=name, number=number, why=why):
                step = self._steps.setdefault(number, _Step(name))
                step.ways.setdefault((self._said.pop(host, ""), why), []).append(host)
            case RunFinished():
                self._show_all()

    def close(self) -> None:
        """Nothing is open."""

    def _show_all(self) -> None:
        self._put(self._paint(f"{sanitize(self._title)} on {counted(len(self._hosts), 'host')}: ", _BOLD))
        self._put(f"{fold(self._hosts)}\n")
        for number, hosts in enumerate(self._batches[:_MOST_BATCHES] if len(self._batches) > 1 else [], 1):
            self._put(f"  batch {number}: {fold(hosts)}\n")
        if len(self._batches) > _MOST_BATCHES:
            self._put(f"  … and {len(self._batches) - _MOST_BATCHES} more\n")
        for number, step in sorted(self._steps.items()):
            if number == self._of_job + 1:
                self._put("at the end, where a step that changed something has notified them:\n")
            self._show_step(number, step)

    def _show_step(self, number: int, step: _Step) -> None:
        marks = _marks_of(step)
        self._put(f"{number:3}  {self._paint(sanitize(step.name), _BOLD)}{f'   {sanitize(marks)}' if marks else ''}\n")
        ways = sorted(step.ways.items(), key=lambda way: -len(way[1]))
        for (said, why), hosts in ways[:_MOST_WAYS]:
            indent = "       "
            if len(hosts) < len(self._hosts):
                self._put(f"     {fold(hosts)}\n")
                indent += "  "
            if why:
                self._put(f"{indent}{self._paint(f'skipped: {sanitize(why)}', GREY)}\n")
            for line in said.removeprefix(f"{marks}\n").splitlines():
                self._put(f"{indent}{sanitize(line)}\n")
        if rest := [host for _, hosts in ways[_MOST_WAYS:] for host in hosts]:
            self._put(f"     {fold(rest)}\n")
            self._put(f"         … likewise in {len(ways) - _MOST_WAYS} more ways: -t HOST shows one\n")

    def _paint(self, text: str, code: str) -> str:
        return self._screen.paint(text, code, out=True)

    def _put(self, text: str) -> None:
        self._screen.write(text.encode(errors="replace"))


def _marks_of(step: _Step) -> str:
    """The line in brackets that all hosts begin with which do it; "" where there is none."""
    first = {said.partition("\n")[0] for said, why in step.ways if not why}
    return marks if len(first) == 1 and (marks := first.pop()).startswith("(") else ""
