"""The way to a host, walked step by step with the pieces that every login is made of, each step looked at.

Nothing is changed by it: a new host key is not written down, even where a run would do so.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack

from fleetctl.cancel import Cancel
from fleetctl.checkup import Finding, Step
from fleetctl.errors import Cancelled, FleetError
from fleetctl.model import Hop, Host
from fleetctl.ssh.bastions import Chain
from fleetctl.ssh.checkup.arrival import Arrival
from fleetctl.ssh.checkup.found import Look
from fleetctl.ssh.checkup.services import looks_inside
from fleetctl.ssh.dial import Dialer


def examine(dialer: Dialer, host: Host, cancel: Cancel) -> Generator[Step]:
    """Walk to each bastion on the way, and to the host; yields each step as it is done.

    After the first that failed, the others are not reached.

    Args:
        dialer: one that nobody else uses meanwhile.

    Raises: Cancelled.
    """
    machines: list[tuple[Hop, Chain]] = [(hop, host.jump[:place]) for place, hop in enumerate(host.jump)]
    walk = _Walk()
    with ExitStack() as stack:
        for hop, chain in [*machines, (host.end, host.jump)]:
            arrival = Arrival(dialer, hop, chain, host.name, cancel)
            stack.callback(arrival.close)
            yield from walk.go(hop.name, arrival.looks)
            if not walk.failed and len(chain) < len(host.jump):
                dialer.adopt((*chain, hop), arrival.session)
        yield from walk.go(host.name, looks_inside(lambda: arrival.session, host, dialer.sudo_guard, cancel))


class _Walk:
    """Looks that are taken one after the other, until one fails."""

    def __init__(self) -> None:
        self.failed = False

    def go(self, machine: str, looks: list[tuple[str, Look]]) -> Iterator[Step]:
        started: float | None = None
        for name, look in looks:
            if self.failed:
                yield Step(machine, name, Finding.NOT_REACHED)
                continue
            started = started or time.monotonic()
            step, started = self._taken(machine, name, look, started)
            yield step

    def _taken(self, machine: str, name: str, look: Look, started: float) -> tuple[Step, float | None]:
        """Returns: the step, and when the next one began, where that was before now."""
        try:
            found = look()
        except Cancelled:
            raise
        except FleetError as error:
            self.failed = True
            seconds = time.monotonic() - started
            facts = dict(error.facts)
            return Step(machine, name, Finding.FAILED, error.message, seconds, (), error.hint, error.code, facts), None
        seconds = (found.until or time.monotonic()) - started
        finding = Finding.WARNING if found.warning else Finding.OK
        return Step(machine, name, finding, found.words, seconds, found.remarks, facts=found.facts), found.until
