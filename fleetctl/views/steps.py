"""A job step by step: when all hosts of the batch have a step behind them, what they said in it, folded."""

from __future__ import annotations

from collections.abc import Iterable

from fleetctl.events import BatchStarted, Event, HostFinished, RunFinished, RunStarted, StepFinished, StepStarted
from fleetctl.nodes import fold
from fleetctl.views.consumer import Consumer
from fleetctl.views.layout import Layout
from fleetctl.views.neutral import sanitize
from fleetctl.views.passing import Passing
from fleetctl.views.quoting import Quoting
from fleetctl.views.screen import Screen
from fleetctl.views.spool import Spool
from fleetctl.views.step_groups import Block, Group, StepGroups
from fleetctl.views.step_words import colour_of, placed

_INDENT = "    "


class StepsView:
    """Shows a run that is no job as `fold` does. Called from one thread.

    Raises: OSError from `show` when stdout fails, or the disk that keeps the output.
    """

    def __init__(self, screen: Screen, layout: Layout) -> None:
        self._screen = screen
        self._layout = layout
        self._spool = Spool()
        self._quoting = Quoting(screen, layout, self._spool, _INDENT)
        self._no_job: Consumer | None = None
        self._steps: tuple[str, ...] = ()
        self._handlers: tuple[str, ...] = ()
        self._passing = Passing((), 0)
        self._batch = ""
        self._groups = StepGroups(self._spool)

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
            from fleetctl.views.fold import FoldView  # noqa: PLC0415 - a job needs nothing of what compares outputs

            self._no_job = FoldView(self._screen, self._layout)
            self._no_job.show(event)
        self._steps, self._handlers = event.steps, event.handlers
        self._gather(event.hosts)

    def _note(self, event: Event) -> None:
        self._groups.note(event)
        match event:
            case StepStarted(host=host, number=number):
                self._tell(self._passing.move(host, number - 1))
            case StepFinished(host=host, number=number):
                self._tell(self._passing.move(host, number))
            case HostFinished(host=host):
                self._tell(self._passing.leave(host))
            case BatchStarted(number=number, batches=batches, hosts=hosts):
                self._tell(self._passing.rest())
                self._batch = f" (batch {number} of {batches})" if batches > 1 else ""
                self._gather(hosts)
            case RunFinished():
                self._tell(self._passing.rest())

    def _gather(self, hosts: Iterable[str]) -> None:
        self._passing = Passing(hosts, len(self._steps) + len(self._handlers))

    def _tell(self, numbers: Iterable[int]) -> None:
        """Steps that nobody came to are passed over in silence."""
        for number in numbers:
            block = self._groups.take(number)
            if block is not None:
                self._show_block(number, block)

    def _show_block(self, number: int, block: Block) -> None:
        groups = block.in_order()
        alone = groups[0] if len(groups) == 1 and groups[0].ending.is_fine and not groups[0].like.spoke else None
        why = f": {sanitize(alone.ending.why)}" if alone is not None and alone.ending.why else ""
        self._put(f"{self._title(number, block.name)} · {block.told}{why}\n")
        for group in groups:
            if alone is None:
                self._show_group(group)
            self._spool.forget(group.like)

    def _title(self, number: int, name: str) -> str:
        words = f"{placed(number, len(self._steps), len(self._handlers))}  {sanitize(name)}"
        return self._screen.paint(words, "1", out=True) + self._batch

    def _show_group(self, group: Group) -> None:
        word = self._screen.paint(group.ending.word, colour_of(group.ending.word), out=True)
        why = f": {sanitize(group.ending.why)}" if group.ending.why else ""
        self._put(f"  {fold(group.hosts)} ({len(group.hosts)}) · {word}{why}\n")
        self._quoting.show(group.like)
        if group.ending.hint:
            self._put(f"{_INDENT}→ {sanitize(group.ending.hint)}\n")

    def _put(self, text: str) -> None:
        self._screen.write(text.encode(errors="replace"))
