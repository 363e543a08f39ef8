"""A job as it is rehearsed: what acts on hosts, or on this machine, is told in place of being done.

Conditions, loops, templates, files that are put, handlers, batches, failures: all of that is played as in earnest.
Only a lab host understands what it is told; see `answer_to`.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping

import msgspec

from fleetctl.jobs.language import (
    Action,
    Get,
    Job,
    Local,
    Modifiers,
    Pause,
    Put,
    Reboot,
    Run,
    Script,
    Step,
    TemplateFile,
    Told,
    WaitFor,
)
from fleetctl.jobs.texts import Seconds

LONGEST_PAUSE = 0.5
"""Seconds."""
_MARK = "fleetctl-rehearsal"
_CONSTANT = {"true", "false"}
"""Conditions that ask nothing."""

_TOLD = Run | Script | Get | WaitFor | Reboot | Local


class Telling(msgspec.Struct, frozen=True):
    """What is told to a lab host.

    Args:
        step: the name of the step.
        text: what would be done.
        answer: what it is to write to its stdout.
        restarts: the host restarts by it.
    """

    step: str
    text: str
    answer: str = ""
    restarts: bool = False

    @property
    def line(self) -> str:
        """As a command line."""
        return shlex.join([_MARK, self.step, self.text, self.answer, "restarts" if self.restarts else ""])


def told(line: str) -> Telling | None:
    """What a command line tells; None where it is one for a shell."""
    if not line.startswith(f"{_MARK} "):
        return None
    _, step, text, answer, restarts = shlex.split(line)
    return Telling(step, text, answer, bool(restarts))


def rehearsed(job: Job, answers: Mapping[str, str]) -> Job:
    """The job as it is rehearsed. `answers`: what commands write to their stdout, by the step's name."""
    return msgspec.structs.replace(
        job,
        head=msgspec.structs.replace(job.head, sudo=None),
        steps=tuple(_rehearsed(step, answers) for step in job.steps),
        handlers=tuple(_rehearsed(step, answers) for step in job.handlers),
    )


def can_fail(job: Job) -> list[str]:
    """The names of the steps of a rehearsed job in which something can be made to go wrong.

    Those that every host comes to, and does there, if there are any.
    """
    steps = [step for step in job.steps if isinstance(step.action, Told) and not step.how.always]
    sure = [step for step in steps if not (step.how.when or step.how.once or _is_local(step))]
    return [step.name for step in sure or steps]


def restarting(job: Job) -> list[str]:
    """The names of the steps of a rehearsed job that end the connection by themselves."""
    return [step.name for step in job.steps if isinstance(step.action, Told) and isinstance(step.action.action, Reboot)]


def _is_local(step: Step) -> bool:
    return isinstance(step.action, Told) and isinstance(step.action.action, Local)


def _rehearsed(step: Step, answers: Mapping[str, str]) -> Step:
    answer = answers.get(step.name)
    action = None if step.action is None else _action(step.action, answer or "")
    how = _how(step.how, judges=answer is not None or not isinstance(action, Told))
    return msgspec.structs.replace(step, action=action, how=how)


def _action(action: Action, answer: str) -> Action:
    match action:
        case Run() | Script() | Get() | WaitFor() | Reboot() | Local():
            return Told(action, answer)
        case Put() | TemplateFile():
            # The directories above it are on the real hosts, and so is its owner.
            return msgspec.structs.replace(action, owner=None, mkdir=True)
        case Pause(seconds=seconds):
            return Pause(seconds=Seconds(min(seconds or 0.0, LONGEST_PAUSE)))
        case _:
            return action


def _how(how: Modifiers, *, judges: bool) -> Modifiers:
    """`judges`: whether the step's own conditions are asked; about an output that nothing wrote they say nothing."""
    played = msgspec.structs.replace(
        how, sudo=False, creates=None, unless=None, delay=Seconds(min(how.delay, LONGEST_PAUSE))
    )
    if judges:
        return played
    changed = how.changed_when if how.changed_when in _CONSTANT else None
    return msgspec.structs.replace(played, until=None, changed_when=changed, failed_when=None)
