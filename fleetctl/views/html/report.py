"""A run gathered into what the page shows of it, and written when the run is over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count

from fleetctl.durations import elapsed
from fleetctl.events import Event, HostFinished, Output, RunFinished, RunStarted, Status
from fleetctl.views.grouping import Groups
from fleetctl.views.html import charts
from fleetctl.views.html.outputs import Cards, Section
from fleetctl.views.html.page import Report, render
from fleetctl.views.html.rows import Hosts
from fleetctl.views.neutral import sanitize
from fleetctl.views.spool import Spool
from fleetctl.views.step_groups import StepGroups
from fleetctl.views.step_words import placed
from fleetctl.views.tally import Tally

_SHORTEST_SPAN = 0.01
_MOST_GROUPS = 100


class HtmlReport:
    """Writes the page when the run is over. Called from one thread.

    Args:
        write: takes the page, piece by piece.
        about: what is known of the run besides its events.

    Raises: OSError from `show` when `write` does, or the disk that keeps the output.
    """

    def __init__(self, write: Callable[[str], object], about: Sequence[tuple[str, str]]) -> None:
        self._write = write
        self._about = about
        self._begun: RunStarted | None = None
        self._spool = Spool()
        self._hosts = Hosts()
        self._groups = Groups()
        self._steps: StepGroups | None = None
        self._files = Tally()

    def show(self, event: Event) -> None:
        self._hosts.note(event)
        self._files.note(event)
        match event:
            case RunStarted(steps=steps):
                self._begun = event
                self._steps = StepGroups(self._spool) if steps else None
            case _ if self._steps is not None and not isinstance(event, RunFinished):
                ended = self._steps.note(event)
                if ended is not None:
                    self._hosts.note_step(ended)
            case Output():
                self._spool.add(event)
            case HostFinished(host=host, outcome=outcome):
                self._groups.sort_in(self._spool.finish(host, outcome))
            case RunFinished() if self._begun is not None:
                for piece in render(self._report(self._begun, event)):
                    self._write(piece)

    def close(self) -> None:
        self._spool.close()

    def _report(self, begun: RunStarted, over: RunFinished) -> Report:
        ends = [self._hosts.ended[host] for host in begun.hosts if host in self._hosts.ended]
        span = max([over.at, _SHORTEST_SPAN, *(end.at for end in ends)])
        sections, numbers = self._by_step(begun, self._steps) if self._steps is not None else self._by_host()
        times = [(end.at, end.outcome.status is Status.OK) for end in ends]
        took = [
            (end.outcome.seconds, end.outcome.status is Status.OK)
            for end in ends
            if self._hosts.began(end.host) is not None
        ]
        return Report(
            run=begun.run,
            title=sanitize(begun.operation),
            verdict=_verdict(over.counts, len(begun.hosts)),
            good=set(over.counts) <= {Status.OK} and not over.cancelled,
            remarks=self._remarks(over),
            about=tuple((name, sanitize(words)) for name, words in self._about),
            hosts=len(begun.hosts),
            shares=charts.shares(over.counts),
            ticks=charts.ticks(span),
            durations=charts.durations(took),
            progress=charts.progress(times, span, len(begun.hosts)),
            span=span,
            rows=tuple(self._hosts.row(end.host, span, tuple(numbers.get(end.host, ()))) for end in ends),
            sections=sections,
        )

    def _by_host(self) -> tuple[tuple[Section, ...], dict[str, list[int]]]:
        """The groups that have something to show, and the number of its group for each host."""
        named = [one for one in self._groups.by_size() if one[1].like.spoke or one[1].like.outcome.totals is None]
        makes = Cards(self._spool, 2 * len(named))
        cards = tuple(
            makes.card(number, names, group, named[0][1].like) for number, (names, group) in enumerate(named, 1)
        )
        numbers = {host: [number] for number, (_, group) in enumerate(named, 1) for host in group.hosts}
        return (Section(cards),) if cards else (), numbers

    def _by_step(self, begun: RunStarted, steps: StepGroups) -> tuple[tuple[Section, ...], dict[str, list[int]]]:
        """The same for each step of a job; of a step with a great many groups the first."""
        counts = len(begun.steps), len(begun.handlers)
        blocks = [(number, block) for number in range(1, sum(counts) + 1) if (block := steps.take(number)) is not None]
        groups = {number: block.in_order() for number, block in blocks}
        makes = Cards(self._spool, 2 * sum(min(_MOST_GROUPS, len(each)) for each in groups.values()))
        sections, numbers, free = [], dict[str, list[int]](), count(1)
        for number, block in blocks:
            shown = list(zip(groups[number][:_MOST_GROUPS], free, strict=False))
            for group, card in shown:
                for host in group.hosts:
                    known = numbers.setdefault(host, [])
                    known.insert(len(known) if group.ending.is_fine else 0, card)  # it is led to the first of them
            cards = tuple(makes.step_card(card, group) for group, card in shown)
            told = f"{block.told}, {elapsed(block.slowest)} at most"
            left_out = len(groups[number]) - len(cards)
            sections.append(Section(cards, placed(number, *counts), sanitize(block.name), told, left_out))
        return tuple(sections), numbers

    def _remarks(self, over: RunFinished) -> tuple[str, ...]:
        ends = (("cancelled", over.cancelled), ("stopped", over.stopped))
        remarks = [f"{word}: {why}" for word, why in ends if why]
        return tuple(map(sanitize, [*remarks, *([self._files.line()] if self._files.line() else [])]))


def _verdict(counts: dict[Status, int], hosts: int) -> str:
    good = counts.get(Status.OK, 0)
    if good == hosts:
        return "The host is ok" if hosts == 1 else f"All {hosts:,} hosts are ok"
    return f"{good:,} of {hosts:,} {'host is' if hosts == 1 else 'hosts are'} ok"
