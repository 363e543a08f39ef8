"""A job as a script plays it: nobody types options, so that what its file says of targets and policy holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from fleetctl.engine.task import Policy
from fleetctl.errors import UsageError
from fleetctl.inventory import Overrides
from fleetctl.jobs.checking.check import refuse_mistakes
from fleetctl.jobs.choosing import chosen
from fleetctl.jobs.language import Job, Manner
from fleetctl.jobs.reading.job_file import load_job
from fleetctl.jobs.sequence import Sequence as Played
from fleetctl.model import Host, Secret
from fleetctl.rollout import Check, Rollout
from fleetctl.rollout.plan import CHECK_SECONDS


class Play(msgspec.Struct, frozen=True):
    """What is played, and how."""

    sequence: Played

    @property
    def targets(self) -> tuple[str, ...]:
        return self.sequence.job.head.targets

    @property
    def rollout(self) -> Rollout:
        said = self._said
        check = Check(said.check, said.check_on == "local", said.check_timeout or CHECK_SECONDS)
        return Rollout.of(
            batch=said.batch or "",
            max_failures=said.max_failures or "",
            ignore_unreachable=said.ignore_unreachable,
            pause=said.pause or "",
            check=check if said.check else None,
            deadline=said.deadline,
        )

    def policy(self, usual: Policy) -> Policy:
        """A fleet's policy, with what the job says over it."""
        given = {"fanout": self._said.fanout, "retries": self._said.retries}
        return msgspec.structs.replace(usual, **{key: value for key, value in given.items() if value is not None})

    def over(self, overrides: Overrides) -> Overrides:
        """A fleet's overrides, with what the job says over them."""
        seconds = overrides.connect_timeout if self._said.connect_timeout is None else self._said.connect_timeout
        steps = self.sequence.elevates or None
        return msgspec.structs.replace(overrides, connect_timeout=seconds, sudo_for_steps=steps)

    def check(self, hosts: Sequence[Host]) -> None:
        """Raises: JobError when something is wrong with it on these hosts."""
        refuse_mistakes(self.sequence.job, hosts, self.sequence.extra)

    @property
    def _said(self) -> Manner:
        return self.sequence.job.head.policy


def prepared(
    job: str | Path | Job,
    extra: Mapping[str, Any],
    tags: Sequence[str] = (),
    skip_tags: Sequence[str] = (),
    start_at: str = "",
) -> Play:
    """Raises: JobError, UsageError."""
    for name, value in extra.items():
        _check_plain(name, value)
    read = load_job(Path(job)) if isinstance(job, str | Path) else job
    return Play(Played(chosen(read, tags, skip_tags, start_at), dict(extra)))


def _check_plain(name: str, value: object) -> None:
    """Raises: UsageError for what a template would make nonsense of, as `***` or `<object at 0x…>`."""
    match value:
        case None | bool() | int() | float() | str():
            return
        case Mapping():
            inside = [*value, *value.values()]
        case list() | tuple():
            inside = [*value]
        case Secret():
            hint = f"give what it reveals, under a name that says that it is one, as {name}_password: history masks it"
            raise UsageError(f"vars: {name} is a Secret, which templates cannot see", hint=hint)
        case _:
            hint = "str(…) makes text of most things"
            said = "must be text, a number, True, False, None, or a list or mapping of these"
            raise UsageError(f"vars: {name} {said}, not {type(value).__name__}", hint=hint)
    for one in inside:
        _check_plain(name, one)
