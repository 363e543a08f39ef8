"""A job as an operation: each host walks its steps on one session, as fast as it can."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from fleetctl.events import Outcome, StepFinished, StepResult

if TYPE_CHECKING:
    from fleetctl.jobs.language import Job, Step
    from fleetctl.operations import Context
    from fleetctl.ssh.reach import Reach


class Point(msgspec.Struct, frozen=True):
    """Where a host goes on that has done a part of the job in an earlier run.

    Args:
        done: names of steps that are not done again.
        results: what was registered, by the name that it has in `steps`.
        vars: what `set` steps have set.
        notified: handlers that were asked for and have not run.
        once: steps that another host of its batch has done for all, and how they ended there.
        step: the one at which it stopped; "" where that is not known, or it never began.
        lost: steps whose results and variables are not on record, and why.
    """

    done: frozenset[str] = frozenset()
    results: dict[str, StepResult] = {}
    vars: dict[str, Any] = {}
    notified: tuple[str, ...] = ()
    once: dict[str, StepFinished] = {}
    step: str = ""
    lost: dict[str, str] = {}


class Sequence(msgspec.Struct, frozen=True, tag="sequence"):
    """A job, and what was said of this run of it.

    Args:
        job: with the steps alone that are to be done.
        extra: variables given with -e, which win over those of the inventory.
        points: hosts that do not begin at the beginning.
        run: the id of the run.
        hidden: variables of ours that hold secrets, which `local` steps do not get.
        diff: show what changes in files.
        asks: ask before each step; the hosts of a batch take it together then.
    """

    job: Job
    extra: dict[str, Any] = {}
    points: dict[str, Point] = {}
    run: str = ""
    hidden: frozenset[str] = frozenset()
    diff: bool = False
    asks: bool = False

    def __str__(self) -> str:
        return f"job {self.job.name}"

    @property
    def meets(self) -> bool:
        """Whether hosts wait for each other anywhere in it."""
        return self.asks or any(_meets(step) for step in (*self.job.steps, *self.job.handlers))

    @property
    def questions(self) -> str:
        """What asks the user whether to go on, as the user calls it; "" when nothing does."""
        if self.asks:
            return "--step"
        asking = (step.name for step in (*self.job.steps, *self.job.handlers) if asks(step))
        return next((f"the step {name!r}" for name in asking), "")

    @property
    def elevates(self) -> bool:
        """Whether steps ask for another user's rights."""
        return any(step.how.sudo not in {None, False} for step in (*self.job.steps, *self.job.handlers))

    def walk(self, reach: Reach, context: Context) -> Outcome:
        """Walk through it on one host. Never raises one of our errors: how far it came is in the outcome."""
        from fleetctl.jobs.walk import Walk  # noqa: PLC0415 - jinja2 takes 40 ms, which other operations need not spend

        return Walk(self, reach, context).go()


def _meets(step: Step) -> bool:
    return step.how.barrier or step.how.once or asks(step)


def asks(step: Step) -> bool:
    """Whether somebody is asked there, when all hosts of the batch have come to it."""
    from fleetctl.jobs.language import Pause  # noqa: PLC0415 - 5 ms, which other operations need not spend

    return isinstance(step.action, Pause) and bool(step.action.ask)
