"""One host's way through a job: its steps in order, what follows from a failure, the handlers, and the account."""

from __future__ import annotations

import time
from collections import Counter

import msgspec

from fleetctl.errors import Cancelled, Fault, FleetError, Stopped, UnreachableError
from fleetctl.events import ErrorFacts, Outcome, Status, StepCounts, StepFinished, StepResult, StepStarted, StepStatus
from fleetctl.jobs.facts import gather
from fleetctl.jobs.language import Reboot, Step
from fleetctl.jobs.playing import Played, Player
from fleetctl.jobs.sequence import Point, Sequence
from fleetctl.jobs.values import Facts, Values
from fleetctl.operations import Context
from fleetctl.ssh.reach import Reach
from fleetctl.statuses import NOTHING_BEGAN, facts_of, status_of

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
        self._lost = False
        self._step = ""

    def go(self) -> Outcome:
        """The whole way. Never raises one of our errors."""
        self._take_up()
        steps, handlers = self._sequence.job.steps, self._sequence.job.handlers
        try:
            for number, step in enumerate(steps, 1):
                if step.name not in self._point.done and self._comes_to(step):
                    self._do(step, number)
            for number, step in enumerate(handlers, len(steps) + 1):
                if step.name in self._notified and self._comes_to(step):
                    self._do(step, number)
        except (Cancelled, Stopped) as error:
            if self._failure is None:
                self._failure = self._failed(error, begun=not isinstance(error, Stopped), step=self._step)
        return self._outcome()

    def _take_up(self) -> None:
        """What is known from an earlier run."""
        for name, result in self._point.results.items():
            self._values.register(name, result)
        self._values.vars.set(self._point.vars)
        meeting = self._context.meeting
        if meeting is not None:
            for step in self._sequence.job.steps:
                if step.name in self._point.done:
                    meeting.passed(self._host, step.name)

    def _comes_to(self, step: Step) -> bool:
        """Whether it is done, after all that has happened."""
        return self._failure is None or (step.how.always and not self._lost)

    def _do(self, step: Step, number: int) -> None:
        """Raises: Cancelled, Stopped."""
        self._step = step.name
        self._meet(step)
        started = time.monotonic()
        given = self._reach.given
        self._context.report([StepStarted(host=self._host, step=step.name, number=number)])
        once, played = self._played(step)
        self._take(step, played)
        if played.status is StepStatus.FAILED and self._failure is None:
            self._failure = self._ended(step, played, begun=self._reach.given > given)
        self._context.report(
            [
                StepFinished(
                    host=self._host,
                    step=step.name,
                    number=number,
                    status=played.status,
                    seconds=time.monotonic() - started,
                    exit_code=played.result.exit,
                    error=None if played.error is None else facts_of(played.error),
                    why=played.why,
                    notified=step.how.notify if played.status is StepStatus.CHANGED else (),
                    once=once,
                    register=step.how.register,
                    result=played.result if step.how.register else None,
                    set=played.set,
                )
            ]
        )

    def _meet(self, step: Step) -> None:
        """Wait for the others where the job says so; who has failed waits for nobody. Raises: Stopped, Cancelled."""
        meeting = self._context.meeting
        if meeting is None or self._failure is not None:
            return
        if step.how.barrier or self._sequence.asks:
            meeting.meet(self._host, step.name)
        question = f"next: {step.name}. Go on?"
        if self._sequence.asks and not meeting.agrees(self._host, f"ask before {step.name}", question):
            raise Stopped("nobody agreed to go on")

    def _played(self, step: Step) -> tuple[str, Played]:
        """How it went, and the host that did it for all, if one did. Raises: Stopped, Cancelled."""
        meeting = self._context.meeting
        if not step.how.once or meeting is None:
            return "", self._safely(step)
        if step.name in self._point.once:
            return _as_it_was(self._point.once[step.name])
        try:
            return meeting.once(self._host, f"once {step.name}", lambda: _or_raise(self._safely(step)))
        except _PlayedBadly as bad:
            return self._host, bad.played
        except (Cancelled, Stopped):
            raise
        except FleetError as error:
            failed = StepStatus.IGNORED if step.how.ignore_errors else StepStatus.FAILED
            return "", Played(failed, StepResult(failed=True), error=error)

    def _safely(self, step: Step) -> Played:
        """A mistake of ours is the end of this host, and of no other."""
        try:
            return self._player.play(step)
        except FleetError:
            raise
        except Exception as error:  # noqa: BLE001 - a mistake of ours, told as one
            return Played(StepStatus.FAILED, StepResult(failed=True), error=Fault(error))

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
        self._lost |= isinstance(played.error, UnreachableError) and self._failure is not None

    def _ended(self, step: Step, played: Played, *, begun: bool) -> Outcome:
        if played.error is not None:
            return self._failed(played.error, begun=begun, step=step.name)
        why = ErrorFacts("step-failed", played.why) if played.why else None
        return Outcome(
            Status.FAILED, exit_code=played.result.exit, signalled=played.signalled, error=why, step=step.name
        )

    def _failed(self, error: FleetError, *, begun: bool, step: str) -> Outcome:
        self._lost = self._reach.given == 0
        killed = error.killed is True
        return Outcome(
            status_of(error),
            error=facts_of(error),
            remote_ended=killed or not begun or isinstance(error, NOTHING_BEGAN),
            killed=killed,
            totals=error.totals,
            step=step,
        )

    def _outcome(self) -> Outcome:
        outcome = self._failure or Outcome(Status.OK)
        return msgspec.structs.replace(outcome, steps=StepCounts(**self._counts), note=self._reach.note)

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


class _PlayedBadly(FleetError):
    """What one host did for all has failed there."""

    def __init__(self, played: Played) -> None:
        message = played.error.message if played.error is not None else played.why or f"exit {played.result.exit}"
        super().__init__(message, hint="" if played.error is None else played.error.hint)
        self.played = played


def _or_raise(played: Played) -> Played:
    if played.status is StepStatus.FAILED:
        raise _PlayedBadly(played)
    return played
