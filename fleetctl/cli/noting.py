"""A record, and lines in the audit, of what is done on hosts without being an operation: ssh, doctor, trust.

How each host ended is kept, and not what it said.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from fleetctl.cancel import Cancel
from fleetctl.cli.auditing import audits_of, put_down
from fleetctl.cli.orders import Orders
from fleetctl.cli.recording import origin_of, recorders
from fleetctl.cli.settings import load_settings
from fleetctl.cli.talk import tell_unwritten
from fleetctl.cli.typed import typed
from fleetctl.errors import FleetError
from fleetctl.events import ErrorFacts, Event, HostFinished, HostStarted, Outcome, RunFinished, RunStarted, Status
from fleetctl.model import Host
from fleetctl.operations.command import Command
from fleetctl.publishing import publish
from fleetctl.remembering import masks_of
from fleetctl.rollout.run import new_run_id
from fleetctl.statuses import facts_of, status_of
from fleetctl.views import Consumer, Screen

_INTERRUPTED = 130

Note = Callable[[str, Outcome], None]
"""Takes the name of a host, and how it ended."""


class Noted:
    """Something done on hosts, told as a run.

    Args:
        work: what it is, in the words of a command.
        do: does it; is given what takes the end of each host, and gives the exit code.
    """

    def __init__(self, work: str, hosts: Sequence[Host], cancel: Cancel, do: Callable[[Note], int]) -> None:
        self._work = work
        self._hosts = hosts
        self._cancel = cancel
        self._do = do
        self._outcomes: dict[str, Outcome] = {}
        self._exit_code = _INTERRUPTED

    def carry_out(self, orders: Orders) -> int:
        """Do it, and keep how the hosts ended. Returns: the exit code.

        Raises: UsageError, before anything is done, when it must be put down and cannot; what `do` raises.
        """
        settings = load_settings()
        work = Command(self._work)
        masks = masks_of(work, self._hosts, typed().argv)
        origin = origin_of(orders, work, masks, reads_stdin=False)
        audits = audits_of(orders, settings, origin, masks)
        kept = recorders(orders, settings, origin, masks, Screen.from_process())
        consumers: list[Consumer] = [*audits, *kept]
        result = publish(self._events(), consumers, self._cancel)
        tell_unwritten(result.unwritten)
        return put_down(audits, self._exit_code)

    def _events(self) -> Iterator[Event]:
        names = tuple(host.name for host in self._hosts)
        began = time.monotonic()
        yield RunStarted(run=new_run_id(), operation=self._work, hosts=names, fanout=1, started=time.time())
        for seq, name in enumerate(names, 1):
            yield HostStarted(host=name, seq=seq)
        try:
            if not self._cancel.is_set():
                self._exit_code = self._do(self._outcomes.__setitem__)
        finally:
            seconds = time.monotonic() - began
            ends = [(name, self._outcomes.get(name) or self._untold()) for name in names]
            for seq, (name, outcome) in enumerate(ends, 1 + len(names)):
                yield HostFinished(host=name, outcome=outcome, at=seconds, seq=seq)
            counts = Counter(outcome.status for _, outcome in ends)
            yield RunFinished(counts=counts, cancelled=self._cancel.reason, at=seconds, seq=1 + 2 * len(names))

    def _untold(self) -> Outcome:
        return Outcome(Status.CANCELLED, error=ErrorFacts("cancelled", self._cancel.reason))


def refused(error: FleetError) -> Outcome:
    """How a host ended that an error of ours has stopped."""
    return Outcome(status_of(error), error=facts_of(error))


def exited(exit_code: int | None) -> Outcome:
    """How a host ended whose shell did; None where it has no exit code."""
    status = Status.OK if exit_code == 0 else Status.FAILED
    return Outcome(status, exit_code=exit_code, signalled=exit_code is None)
