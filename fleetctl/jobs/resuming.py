"""Where each host goes on with a job, told from the events of the runs so far: what it has done is not done again.

A host that failed goes on with the step that failed. What it did after that, to clean up, is done again when its turn
comes. A run that begins with a step that was done plays the job anew: for its hosts nothing of before counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

import msgspec

from fleetctl.events import (
    BatchStarted,
    Event,
    HostFinished,
    RunStarted,
    Status,
    StepFinished,
    StepStarted,
    StepStatus,
)
from fleetctl.jobs.sequence import Point


def points(runs: Iterable[Iterable[Event]]) -> dict[str, Point]:
    """Where each host that is not ok goes on.

    Args:
        runs: those that go on with each other, the oldest first.
    """
    ways = _Ways()
    for event in chain.from_iterable(runs):
        ways.take(event)
    return {host: way.point(ways.handlers) for host, way in ways.of.items() if not way.is_over}


class _Known(msgspec.Struct):
    """What is known of a host from some runs: the steps that it finished, and those that others did for it."""

    finished: dict[str, StepFinished] = msgspec.field(default_factory=dict)
    once: dict[str, StepFinished] = msgspec.field(default_factory=dict)


class _Way:
    """One host's way through all the runs.

    Args:
        before: what is known from the runs before the one that is looked at.
        now: what is known from that one.
        has_failed: it did so in that one.
        stopped_at: the step.
        is_over: it came to the end of the job, and all was well.
        mates: those that it has shared a batch with, itself among them.
    """

    def __init__(self) -> None:
        self.before = _Known()
        self.now = _Known()
        self.has_failed = False
        self.stopped_at = ""
        self.is_over = False
        self.mates: list[Sequence[str]] = []

    def begin_run(self) -> None:
        self.before.finished |= self.now.finished
        self.before.once |= self.now.once
        self.now = _Known()
        self.has_failed = False

    def begin_step(self, step: str) -> None:
        if self.has_failed:
            return
        self.is_over = False
        self.stopped_at = step
        if step in self.before.finished:
            self.before = _Known()

    def finish_step(self, event: StepFinished) -> None:
        if self.has_failed:
            return
        if event.status is StepStatus.FAILED:
            self.has_failed = True
            return
        self.now.finished[event.step] = event
        self.stopped_at = ""

    def end(self, event: HostFinished) -> None:
        if event.outcome.status is Status.OK:
            self.is_over = True
        elif not self.has_failed and event.outcome.step:
            self.stopped_at = event.outcome.step

    def point(self, handlers: set[str]) -> Point:
        finished = [*self.before.finished.values(), *self.now.finished.values()]
        done = frozenset(event.step for event in finished)
        once = {step: event for step, event in (self.before.once | self.now.once).items() if step not in done}
        notified = dict.fromkeys(name for event in finished for name in event.notified)
        values: dict[str, object] = {}
        for event in finished:
            values |= event.set
        return Point(
            done=done,
            results={event.register: event.result for event in finished if event.result is not None},
            vars=values,
            notified=tuple(name for name in notified if name not in done & handlers),
            once=once,
            step=self.stopped_at,
            lost={event.step: event.lost for event in (*finished, *once.values()) if event.lost},
        )


class _Ways:
    """Those of all hosts."""

    def __init__(self) -> None:
        self.of: dict[str, _Way] = {}
        self.handlers: set[str] = set()
        self._hosts: Sequence[str] = ()
        self._told: set[tuple[str, str]] = set()

    def take(self, event: Event) -> None:
        match event:
            case RunStarted(hosts=hosts, handlers=handlers):
                self.handlers.update(handlers)
                self._told.clear()
                for way in self.of.values():
                    way.begin_run()
                self._hosts = hosts
                self._share(hosts)
            case BatchStarted(number=number, hosts=hosts):
                self._part(hosts, is_first=number == 1)
            case StepStarted(host=host, step=step):
                self.of[host].begin_step(step)
            case StepFinished(host=host):
                self.of[host].finish_step(event)
                if event.once and event.status is not StepStatus.FAILED:
                    self._tell_mates(event)
            case HostFinished(host=host):
                self.of[host].end(event)

    def _share(self, hosts: Sequence[str]) -> None:
        """They are all at work together, unless we hear of batches."""
        for host in hosts:
            self.of.setdefault(host, _Way()).mates.append(hosts)

    def _part(self, hosts: Sequence[str], *, is_first: bool) -> None:
        """Who is in no batch by the end of the run was alone in it."""
        if is_first:
            for host in self._hosts:
                self.of[host].mates[-1] = (host,)
        for host in hosts:
            self.of[host].mates[-1] = hosts

    def _tell_mates(self, event: StepFinished) -> None:
        """What one host did for its batch, it did for all that have ever been in one with it."""
        if (event.once, event.step) in self._told or event.once not in self.of:
            return
        self._told.add((event.once, event.step))
        for mate in set(chain.from_iterable(self.of[event.once].mates)):
            self.of[mate].now.once[event.step] = event
