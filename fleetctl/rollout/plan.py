"""What a rollout is to be like: how many hosts at a time, how many may fail, what must hold before it goes on."""

from __future__ import annotations

import msgspec

from fleetctl.durations import ASK, seconds_in
from fleetctl.engine.brake import FAILURES, Brake
from fleetctl.events import Status
from fleetctl.shares import Share, share_in, shares_in

CHECK_SECONDS = 60.0


class Check(msgspec.Struct, frozen=True):
    """What must succeed after each batch.

    Args:
        command: a command line.
        here: run it once on this machine, and not on the hosts of the batch that were ok.
        seconds: how long it may take.
    """

    command: str
    here: bool = False
    seconds: float = CHECK_SECONDS


class Rollout(msgspec.Struct, frozen=True):
    """How a run goes through its hosts. As it is made without arguments: all at once, whatever fails.

    Args:
        batches: how many hosts at a time, in shares of all of them; the last share again and again, () for all.
        max_failures: when more hosts fail no further one begins; None is no limit, or 0 where there are batches.
        ignore_unreachable: hosts that cannot be reached do not count as failures.
        pause: seconds to wait between batches.
        ask: somebody must agree before each batch after the first.
        check: what must succeed after each batch.
        deadline: seconds for all of it; when they are over it is called off.
    """

    batches: tuple[Share, ...] = ()
    max_failures: Share | None = None
    ignore_unreachable: bool = False
    pause: float = 0.0
    ask: bool = False
    check: Check | None = None
    deadline: float | None = None

    @classmethod
    def of(
        cls,
        *,
        batch: str = "",
        max_failures: str = "",
        ignore_unreachable: bool = False,
        pause: str = "",
        check: Check | None = None,
        deadline: float | None = None,
    ) -> Rollout:
        """It, as users write it: `batch="1,10%"`, `max_failures="2"`, `pause="30s"` or `"ask"`. Raises: ValueError."""
        return cls(
            batches=shares_in(batch) if batch else (),
            max_failures=share_in(max_failures) if max_failures else None,
            ignore_unreachable=ignore_unreachable,
            pause=seconds_in(pause) if pause and pause != ASK else 0.0,
            ask=pause == ASK,
            check=check,
            deadline=deadline,
        )

    def brake(self, hosts: int) -> Brake:
        """What stops a run of so many hosts."""
        most = self.max_failures or (Share(0) if self.batches else None)
        counted = FAILURES - {Status.UNREACHABLE} if self.ignore_unreachable else FAILURES
        return Brake(None if most is None else most.of(hosts), counted)
