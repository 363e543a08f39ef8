"""One host's way through a job, from its first connection to its outcome."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from fleetctl.engine.attempts import Attempts, fault
from fleetctl.events import Outcome
from fleetctl.jobs.sequence import Sequence
from fleetctl.operations import Context
from fleetctl.ssh.pool import Pool
from fleetctl.ssh.reach import Reach
from fleetctl.ssh.session import Session


def perform_job(sequence: Sequence, retries: int, pool: Pool, context: Context) -> Outcome:
    """How it ended. Never raises: see `perform`. `retries`: further tries at connecting, each time that it is done."""
    started = time.monotonic()
    attempts = Attempts(retries)

    def connect(opened: Callable[[], Session]) -> Session:
        session = attempts.run(opened, context.host.name, context.cancel)
        attempts.logged_in(session, begins=True)
        return session

    try:
        with Reach(pool, context.host, context.cancel, connect) as reach:
            outcome = sequence.walk(reach, context)
    except Exception as error:  # noqa: BLE001 - the other hosts must go on
        outcome = fault(error, context, begun=attempts.begun)
    return msgspec.structs.replace(
        outcome, seconds=time.monotonic() - started, attempts=attempts.made, timings=attempts.timings
    )
