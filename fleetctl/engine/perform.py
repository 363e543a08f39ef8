"""One host's part from beginning to end: connect, try again where that is safe, operate, tell how it ended."""

from __future__ import annotations

import time

import msgspec

from fleetctl import errors
from fleetctl.engine.attempts import Attempts, fault
from fleetctl.engine.task import Single, Task
from fleetctl.engine.tries import Tries
from fleetctl.engine.walking import perform_job
from fleetctl.events import Outcome, Status
from fleetctl.jobs.sequence import Sequence
from fleetctl.operations import Context
from fleetctl.operations.command import Command
from fleetctl.operations.ping import Ping
from fleetctl.operations.script import Script
from fleetctl.ssh.pool import Pool
from fleetctl.statuses import NOTHING_BEGAN, facts_of, status_of


def perform(task: Task, pool: Pool, context: Context) -> Outcome:
    """How the part of `context.host` ended. Never raises: a bug of ours is an outcome too, for one host."""
    if isinstance(task.operation, Sequence):
        return perform_job(task.operation, task.policy.retries, pool, context)
    operation = task.operation
    started = time.monotonic()
    attempts = Attempts(task.policy.retries)
    tries = Tries(operation.repeat if isinstance(operation, Command | Script) else None, context)

    def visit() -> Outcome:
        return attempts.run(lambda: _once(operation, pool, tries, attempts), context.host.name, context.cancel)

    try:
        outcome = tries.through(visit)
    except errors.FleetError as error:
        killed = error.killed is True
        ended = killed or isinstance(error, NOTHING_BEGAN) or not attempts.begun or tries.between
        outcome = Outcome(
            status_of(error), error=facts_of(error), remote_ended=ended, killed=killed, totals=error.totals
        )
    except Exception as error:  # noqa: BLE001 - the other hosts must go on
        outcome = fault(error, context, begun=attempts.begun)
    return msgspec.structs.replace(
        outcome,
        seconds=time.monotonic() - started,
        attempts=attempts.made,
        repeats=tries.repeats,
        remote_ended=outcome.remote_ended and not tries.may_run_on,
        timings=outcome.timings or attempts.timings,
    )


def _once(operation: Single, pool: Pool, tries: Tries, attempts: Attempts) -> Outcome:
    context = tries.context
    context.cancel.check()
    with pool.session(context.host, context.cancel) as session:
        attempts.logged_in(session, begins=isinstance(operation, Command | Script))
        if context.host.elevation is None or isinstance(operation, Ping):
            return tries.on_session(lambda: operation.perform(session, context))
        from fleetctl.ssh.rights.elevated import Elevated  # noqa: PLC0415 - 5 ms, which most runs need not spend

        with Elevated(session, context.host, context.host.elevation, pool.dialer.sudo_guard) as elevated:
            outcome = tries.on_session(lambda: operation.perform(elevated, context))
            if outcome.status is Status.OK:
                elevated.keep()
        return msgspec.structs.replace(outcome, note=elevated.note)
