"""What the `policy` of a job file means where nobody has typed anything over it: for a job that a script plays."""

from __future__ import annotations

import msgspec

from fleetctl.engine.task import Policy
from fleetctl.inventory import Overrides
from fleetctl.jobs.language import Manner
from fleetctl.rollout import Check, Rollout
from fleetctl.rollout.plan import CHECK_SECONDS


def rollout_of(manner: Manner) -> Rollout:
    check = Check(manner.check, manner.check_on == "local", manner.check_timeout or CHECK_SECONDS)
    return Rollout.of(
        batch=manner.batch or "",
        max_failures=manner.max_failures or "",
        ignore_unreachable=manner.ignore_unreachable,
        pause=manner.pause or "",
        check=check if manner.check else None,
        deadline=manner.deadline,
    )


def policy_of(manner: Manner, policy: Policy) -> Policy:
    """A fleet's policy, with what the job says over it."""
    said = {"fanout": manner.fanout, "retries": manner.retries}
    return msgspec.structs.replace(policy, **{key: value for key, value in said.items() if value is not None})


def overrides_of(manner: Manner, overrides: Overrides, *, elevates: bool) -> Overrides:
    """A fleet's overrides, with what the job says over them. `elevates`: steps ask for another user's rights."""
    seconds = overrides.connect_timeout if manner.connect_timeout is None else manner.connect_timeout
    return msgspec.structs.replace(overrides, connect_timeout=seconds, sudo_for_steps=elevates or None)
