"""A job step by step: when all hosts of the batch have a step behind them, what they said in it, folded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from fleetctl.events import (
    BatchStarted,
    Event,
    HostFinished,
    Outcome,
    Output,
    RunFinished,
    RunStarted,
    Status,
    StepFinished,
    StepStarted,
)
from fleetctl.nodes import fold
from fleetctl.views.fold import FoldView
from fleetctl.views.layout import Layout
from fleetctl.views.neutral import sanitize
from fleetctl.views.passing import Passing
from fleetctl.views.quoting import Quoting
from fleetctl.views.screen import Screen
from fleetctl.views.spool import Result, Spool
from fleetctl.views.step_words import ORDER, Ending, colour_of, cut_off, ending_of

_INDENT = "    "
_SAID = Outcome(Status.OK)
"""Of what was said in a step nothing else matters."""


class _Group(msgspec.Struct):
    """Hosts for which a step ended alike; `like` is what each of them said."""

    like: Result
    ending: Ending
    hosts: list[str] = msgspec.field(default_factory=list)

    @property
    def order(self) -> tuple[bool, int, str]:
        return self.ending.is_fine, -len(self.hosts), fold(self.hosts)


class _Block(msgspec.Struct):
    """A step, and the hosts that have come to its end."""

    name: str
    groups: dict[tuple[bytes, bytes, Ending], _Group] = msgspec.field(default_factory=dict)

    def sort_in(self, result: Result, ending: Ending) -> bool:
        """Returns: whether it is the first of its kind, whose words are kept."""
        likeness = (result.stdout.digest, result.stderr.digest, ending)
        group = self.groups.setdefault(likeness, _Group(result, ending))
        group.hosts.append(result.host)
        return group.like is result

    def in_order(self) -> list[_Group]:
        """What is not fine first, then the largest."""
        return sorted(self.groups.values(), key=lambda group: group.order)

    def counts(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for group in self.groups.values():
            counts[group.ending.word] += len(group.hosts)
        return counts


class StepsView:
    """Shows a run that is no job as `fold` does. Called from one thread.

    Raises: OSError from `show` when stdout fails, or the disk that keeps the output.
    """

    def __init__(self, screen: Screen, layout: Layout) -> None:
        self._screen = screen
        self._layout = layout
        self._spool = Spool()
        self._quoting = Quoting(screen, layout, self._spool, _INDENT)
        self._no_job: FoldView | None = None
        self._steps: tuple[str, ...] = ()
        self._handlers: tuple[str, ...] = ()
        self._passing = Passing((), 0)
        self._batch = ""
        self._blocks: dict[int, _Block] = {}
        self._under_way: dict[str, StepStarted] = {}

    def show(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self._begin(event)
        elif self._no_job is not None:
            self._no_job.show(event)
        else:
            self._note(event)

    def close(self) -> None:
        self._spool.close()
        if self._no_job is not None:
            self._no_job.close()

    def _begin(self, event: RunStarted) -> None:
        if not event.steps:
            self._no_job = FoldView(self._screen, self._layout)
            self._no_job.show(event)
        self._steps, self._handlers = event.steps, event.handlers
        self._gather(event.hosts)

    def _note(self, event: Event) -> None:
        match event:
            case Output():
                self._spool.add(event)
            case StepStarted(host=host, number=number):
                self._under_way[host] = event
                self._tell(self._passing.move(host, number - 1))
            case StepFinished(host=host, number=number, step=name):
                self._under_way.pop(host, None)
                self._end(host, number, name, ending_of(event))
                self._tell(self._passing.move(host, number))
            case HostFinished(host=host, outcome=outcome):
                step = self._under_way.pop(host, None)
                if step is not None:
                    self._end(host, step.number, step.step, cut_off(outcome))
                self._tell(self._passing.leave(host))
            case BatchStarted(number=number, batches=batches, hosts=hosts):
                self._tell(self._passing.rest())
                self._batch = f" (batch {number} of {batches})" if batches > 1 else ""
                self._gather(hosts)
            case RunFinished():
                self._tell(self._passing.rest())

    def _gather(self, hosts: Iterable[str]) -> None:
        self._passing = Passing(hosts, len(self._steps) + len(self._handlers))

    def _end(self, host: str, number: int, name: str, ending: Ending) -> None:
        result = self._spool.finish(host, _SAID)
        if not self._blocks.setdefault(number, _Block(name)).sort_in(result, ending):
            self._spool.forget(result)

    def _tell(self, numbers: Iterable[int]) -> None:
        """Steps that nobody came to are passed over in silence."""
        for number in numbers:
            block = self._blocks.pop(number, None)
            if block is not None:
                self._show_block(number, block)

    def _show_block(self, number: int, block: _Block) -> None:
        groups, counts = block.in_order(), block.counts()
        told = ", ".join(f"{counts[word]} {word}" for word in ORDER if word in counts)
        alone = groups[0] if len(groups) == 1 else None
        in_one_line = alone is not None and alone.ending.is_fine and not alone.like.spoke
        why = f": {sanitize(alone.ending.why)}" if alone is not None and in_one_line and alone.ending.why else ""
        self._put(f"{self._title(number, block.name)} · {told}{why}\n")
        for group in groups:
            if not in_one_line:
                self._show_group(group)
            self._spool.forget(group.like)

    def _title(self, number: int, name: str) -> str:
        kind, place, names = "step", number, self._steps
        if number > len(self._steps):
            kind, place, names = "handler", number - len(self._steps), self._handlers
        words = f"{kind} {place}/{len(names)}  {sanitize(name)}"
        return self._screen.paint(words, "1", out=True) + self._batch

    def _show_group(self, group: _Group) -> None:
        word = self._screen.paint(group.ending.word, colour_of(group.ending.word), out=True)
        why = f": {sanitize(group.ending.why)}" if group.ending.why else ""
        self._put(f"  {fold(group.hosts)} ({len(group.hosts)}) · {word}{why}\n")
        self._quoting.show(group.like)
        if group.ending.hint:
            self._put(f"{_INDENT}→ {sanitize(group.ending.hint)}\n")

    def _put(self, text: str) -> None:
        self._screen.write(text.encode(errors="replace"))
