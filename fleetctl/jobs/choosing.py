"""Which steps of a job are done this time: those of some tags, and those from one step on."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from fleetctl.errors import UsageError
from fleetctl.inventory.mistakes import did_you_mean
from fleetctl.jobs.language import Job, Step


def chosen(job: Job, tags: Collection[str] = (), skip_tags: Collection[str] = (), start_at: str = "") -> Job:
    """The job with these steps alone. Handlers stay: they run where a step that is left asks for them.

    A step that is nothing but a barrier stays, too, but for what is before `start_at`: hosts meet where they would.

    Args:
        tags: only steps that have one of these; () for all.
        skip_tags: no step that has one of these.
        start_at: the name of the first step; "" begins at the beginning.

    Raises: UsageError when the job has no such tag or step, or no step is left.
    """
    for option, words in (("--tags", tags), ("--skip-tags", skip_tags)):
        _check_tags(job, option, words)
    steps = [step for step in job.steps[_first(job, start_at) :] if _is_wanted(step, tags, skip_tags)]
    if not any(step.action is not None for step in steps):
        raise UsageError(f"no step of {job.name} is left to do", hint="other --tags, --skip-tags or --start-at?")
    return msgspec.structs.replace(job, steps=tuple(steps))


def _is_wanted(step: Step, tags: Collection[str], skip_tags: Collection[str]) -> bool:
    if step.action is None:
        return True
    own = step.how.tags
    return (not tags or any(tag in tags for tag in own)) and not any(tag in skip_tags for tag in own)


def _first(job: Job, name: str) -> int:
    """Where the step of that name stands. Raises: UsageError."""
    names = [step.name for step in job.steps]
    if not name:
        return 0
    if name not in names:
        hint = f"its steps are {', '.join(names)}"
        raise UsageError(f"--start-at: {job.name} has no step {name!r}{did_you_mean(name, names)}", hint=hint)
    return names.index(name)


def _check_tags(job: Job, option: str, words: Collection[str]) -> None:
    known = list(dict.fromkeys(tag for step in job.steps for tag in step.how.tags))
    for word in words:
        if word not in known:
            hint = f"its tags are {', '.join(known)}" if known else "its steps have no tags"
            raise UsageError(f"{option}: {job.name} has no tag {word!r}{did_you_mean(word, known)}", hint=hint)
