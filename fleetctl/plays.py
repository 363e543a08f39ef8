"""A job as a script plays it: nobody types options, so that what its file says of targets and policy holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from fleetctl.engine.task import Policy
from fleetctl.inventory import Overrides
from fleetctl.jobs.checking import refuse_mistakes
from fleetctl.jobs.choosing import chosen
from fleetctl.jobs.language import Job, Manner
from fleetctl.jobs.reading import load_job
from fleetctl.jobs.sequence import Sequence as Played
from fleetctl.model import Host
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
    read = load_job(Path(job)) if isinstance(job, str | Path) else job
    return Play(Played(chosen(read, tags, skip_tags, start_at), dict(extra)))
