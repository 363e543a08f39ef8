"""One host's way through a job: its steps in order, what follows from a failure, the handlers, and the account."""

from __future__ import annotations

import time
from collections import Counter

import msgspec

from fleetctl.errors import Cancelled, FleetError, StepFailed, Stopped
from fleetctl.events import Outcome, Status, StepCounts, StepFinished, StepResult, StepStarted, StepStatus
from fleetctl.jobs.facts import gather
from fleetctl.jobs.language import Local, Reboot, Step
from fleetctl.jobs.playing import Played, Player, ending
from fleetctl.jobs.sequence import Point, Sequence, asks
from fleetctl.jobs.values import Facts, Values
from fleetctl.operations import Context
from fleetctl.operations.meeting import NotForThisHost
from fleetctl.ssh.reach import Reach

_COUNTED = {StepStatus.IGNORED: "ok"}


class Walk:
    """For one host and one thread."""

    def __init__(self, sequence: Sequence, reach: Reach, context: Context) -> None:
        self._sequence = sequence
        self._reach = reach
        self._context = context
        self._host = context.host.name
        self._point = sequence.points.get(self._host, Point())
        self._facts = Facts(self._gathered)
        self._values = Values(sequence, context.host, self._facts)
        self._player = Player(sequence, reach, context, self._values)
        self._notified = set(self._point.notified)
        self._counts: Counter[str] = Counter()
        self._failure: Outcome | None = None
        self._step = ""
        self._unsaid: list[StepStarted | StepFinished] = []

    def go(self) -> Outcome:
        """The whole way. Never raises one of our errors."""
        self._take_up()
        steps, handlers = self._sequence.job.steps, self._sequence.job.handlers
        try:
            for number, step in enumerate(steps, 1):
                self._come_to(step, number, wanted=step.name not in self._point.done)
            for number, step in enumerate(handlers, len(steps) + 1):
                self._come_to(step, number, wanted=step.name in self._notified)
        except (Cancelled, Stopped) as error:
            self._failure = self._failure or msgspec.structs.replace(ending(error), step=self._step)
        self._say()
        return msgspec.structs.replace(
            self._failure or Outcome(Status.OK),
            steps=StepCounts(**self._counts),
            note=self._reach.note,
            remote_ended=not self._reach.may_run_on,
        )

    def _take_up(self) -> None:
        """What is known from an earlier run."""
        for name, result in self._point.results.items():
            self._values.register(name, result)
        self._values.vars.set(self._point.vars)

    def _come_to(self, step: Step, number: int, *, wanted: bool) -> None:
        """Raises: Cancelled, Stopped."""
        if wanted and self._does(step):
            self._do(step, number)
        elif self._context.meeting is not None:
            self._context.meeting.passed(self._host, step.name)

    def _does(self, step: Step) -> bool:
        """Whether it is done, after all that has happened.

        A host that is gone is cleaned up after here, if anything had been done for it before.
        """
        if self._failure is None or not step.how.always:
            return self._failure is None
        begun = self._counts["ok"] + self._counts["changed"] > 0
        return not self._reach.gone or (begun and isinstance(step.action, Local))

    def _do(self, step: Step, number: int) -> None:
        """Raises: Cancelled, Stopped."""
        self._step = step.name
        self._context.cancel.check()
        self._meet(step)
        started = time.monotonic()
        self._unsaid.append(StepStarted(host=self._host, step=step.name, number=number))
        self._say()
        once, played = self._played(step)
        self._take(step, played)
        failure = played.failure
        if failure is not None and played.status is StepStatus.FAILED and self._failure is None:
            self._fail(msgspec.structs.replace(failure, step=step.name))
        self._unsaid.append(
            StepFinished(
                host=self._host,
                step=step.name,
                number=number,
                status=played.status,
                seconds=time.monotonic() - started,
                exit_code=played.result.exit,
                error=None if failure is None else failure.error,
                why=played.why,
                notified=step.how.notify if played.status is StepStatus.CHANGED else (),
                once=once,
                register=step.how.register,
                result=played.result if step.how.register else None,
                set=played.set,
            )
        )

    def _fail(self, failure: Outcome) -> None:
        """What else is done now cleans up."""
        self._failure = failure
        if self._context.meeting is not None:
            self._context.meeting.ended(self._host, failure)

    def _say(self) -> None:
        """The end of a step goes with the beginning of the next, for each delivery costs."""
        if self._unsaid:
            self._context.report(self._unsaid)
            self._unsaid = []

    def _meet(self, step: Step) -> None:
        """Wait for the others where the job says so. Raises: Stopped, but not where it is always done; Cancelled."""
        meeting = self._context.meeting
        asks_first = self._sequence.asks
        if meeting is None or not (step.how.barrier or asks_first or asks(step)):
            return
        self._say()
        meeting.meet(self._host, step.name)
        if not step.how.always:
            meeting.go_on()
        if asks_first:
            meeting.agrees(self._host, step.name, f"next: {step.name}. Go on?")

    def _played(self, step: Step) -> tuple[str, Played]:
        """How it went, and the host that did it for all, if one did. Raises: Stopped, Cancelled."""
        meeting = self._context.meeting
        if not step.how.once or meeting is None:
            return "", self._player.play(step)
        if step.name in self._point.once:
            return _as_it_was(self._point.once[step.name])
        declined = self._player.declined(step)
        if declined is not None:
            return "", declined
        own: list[Played] = []

        def for_all() -> Played:
            played = self._player.play(step)
            own.append(played)
            if not played.for_this_host:
                raise NotForThisHost
            if played.status is StepStatus.FAILED:
                raise _failed(played)
            return played

        try:
            return meeting.once(self._host, step.name, for_all)
        except NotForThisHost:
            return "", own[0]
        except (Cancelled, Stopped):
            raise
        except FleetError as error:
            return (self._host, own[0]) if own else ("", self._player.failed(step, error))

    def _take(self, step: Step, played: Played) -> None:
        """What follows from it for the steps to come."""
        if step.how.register:
            self._values.register(step.how.register, played.result)
        self._values.vars.set(played.set)
        if isinstance(step.action, Reboot):
            self._facts.forget()
        if played.status is StepStatus.CHANGED:
            self._notified.update(step.how.notify)
        self._counts[_COUNTED.get(played.status, played.status.value)] += 1

    def _gathered(self) -> dict[str, object]:
        with self._reach.session(None) as session:
            return gather(session, self._context.cancel)


def _as_it_was(event: StepFinished) -> tuple[str, Played]:
    """A step that a host has done for all in an earlier run."""
    result = event.result or StepResult(
        exit=event.exit_code,
        changed=event.status is StepStatus.CHANGED,
        skipped=event.status is StepStatus.SKIPPED,
        failed=event.status is StepStatus.IGNORED,
    )
    return event.once, Played(event.status, result, event.why, set=event.set)


def _failed(played: Played) -> StepFailed:
    """What the other hosts are told of it."""
    error = None if played.failure is None else played.failure.error
    if error is None:
        return StepFailed(f"exit {played.result.exit}")
    return StepFailed(error.message, hint=error.hint)
