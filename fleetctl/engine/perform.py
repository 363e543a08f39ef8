"""One host's part from beginning to end: connect, try again where that is safe, operate, tell how it ended."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable

import msgspec

from fleetctl import errors
from fleetctl.cancel import Cancel
from fleetctl.engine.task import Task
from fleetctl.engine.tries import Tries
from fleetctl.events import ErrorFacts, Outcome, Status
from fleetctl.operations import Context
from fleetctl.operations.command import Command
from fleetctl.operations.ping import Ping
from fleetctl.ssh.pool import Pool
from fleetctl.ssh.session import Session

_STATUS: tuple[tuple[type[errors.FleetError], Status], ...] = (
    (errors.UnreachableError, Status.UNREACHABLE),
    (errors.DeniedError, Status.DENIED),
    (errors.UntrustedError, Status.UNTRUSTED),
    (errors.Withheld, Status.SKIPPED),
    (errors.TimedOut, Status.TIMEOUT),
    (errors.TransferError, Status.FAILED),
    (errors.Overdue, Status.TIMEOUT),
    (errors.Cancelled, Status.CANCELLED),
)
_NOTHING_BEGAN = (errors.ChannelRefused, errors.RequestRefused, errors.ElevationDenied, errors.Withheld)
_BACKOFF_SECONDS = 0.25
_log = logging.getLogger("fleetctl.engine")


def perform(task: Task, pool: Pool, context: Context) -> Outcome:
    """How the part of `context.host` ended. Never raises: a bug of ours is an outcome too, for one host."""
    started = time.monotonic()
    attempts = _Attempts(task.policy.retries)
    tries = Tries(task.operation.repeat if isinstance(task.operation, Command) else None, context)

    def visit() -> Outcome:
        return attempts.run(lambda: _once(task, pool, tries, attempts), context.host.name, context.cancel)

    try:
        outcome = tries.through(visit)
    except errors.FleetError as error:
        killed = error.killed is True
        ended = killed or isinstance(error, _NOTHING_BEGAN) or not attempts.begun or tries.between
        outcome = Outcome(
            status_of(error), error=facts_of(error), remote_ended=ended, killed=killed, totals=error.totals
        )
    except Exception as error:  # noqa: BLE001 - the other hosts must go on
        _log.debug("%s", context.host.name, exc_info=error)
        outcome = Outcome(Status.ERROR, error=facts_of(errors.Fault(error)), remote_ended=not attempts.begun)
    return msgspec.structs.replace(
        outcome,
        seconds=time.monotonic() - started,
        attempts=attempts.made,
        repeats=tries.repeats,
        remote_ended=outcome.remote_ended and not tries.may_run_on,
        timings=outcome.timings or attempts.timings,
    )


def status_of(error: errors.FleetError) -> Status:
    """The status that an error of ours means for its host."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), Status.ERROR)


def facts_of(error: errors.FleetError) -> ErrorFacts:
    return ErrorFacts(error.code, error.message, error.hint, dict(error.facts))


class _Attempts:
    """Counts tries at connecting, and knows whether something was begun on the host that may outlast us."""

    def __init__(self, retries: int) -> None:
        self.made = 0
        self.begun = False
        self.timings: dict[str, float] = {}
        self._retries = retries

    def run(self, attempt: Callable[[], Outcome], host: str, cancel: Cancel) -> Outcome:
        """Try until it is done; only a server that turned us away before its banner is tried again."""
        while True:
            self.made += 1
            try:
                return attempt()
            except errors.TurnedAway as error:
                if self.made > self._retries:
                    raise
                seconds = _BACKOFF_SECONDS * 2 ** (self.made - 1) * random.uniform(0.5, 1.5)  # noqa: S311
                _log.info("%s: %s; again in %.1f s", host, error.message, seconds)
                cancel.wait(seconds)

    def logged_in(self, session: Session, *, begins: bool) -> None:
        self.begun = begins
        self.timings = session.timings


def _once(task: Task, pool: Pool, tries: Tries, attempts: _Attempts) -> Outcome:
    operation, context = task.operation, tries.context
    context.cancel.check()
    with pool.session(context.host, context.cancel) as session:
        attempts.logged_in(session, begins=isinstance(operation, Command))
        if context.host.elevation is None or isinstance(operation, Ping):
            return tries.on_session(lambda: operation.perform(session, context))
        from fleetctl.ssh.rights.elevated import Elevated  # noqa: PLC0415 - 5 ms, which most runs need not spend

        with Elevated(session, context.host, context.host.elevation, pool.dialer.sudo_guard) as elevated:
            outcome = tries.on_session(lambda: operation.perform(elevated, context))
            if outcome.status is Status.OK:
                elevated.keep()
        return msgspec.structs.replace(outcome, note=elevated.note)
