"""What hands the events of a run to all that read them, whether it is made now or told again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from fleetctl.cancel import Cancel
from fleetctl.events import FAILED, UNREACHED, Event, HostFinished, Outcome, RunFinished, Status
from fleetctl.views import Consumer

_LARGEST_EXIT_CODE = 255
_NO_EXIT_CODE = _LARGEST_EXIT_CODE
"""What stands for a host without an exit code where the largest is asked for, as ssh has it."""


class Result(msgspec.Struct):
    """How a run ended: the outcome of each host, and why it was called off or stopped, if it was; see RunFinished."""

    outcomes: dict[str, Outcome] = msgspec.field(default_factory=dict)
    cancelled: str = ""
    stopped: str = ""
    overdue: bool = False
    unwritten: OSError | None = None

    @property
    def ok(self) -> bool:
        return self.exit_code() == 0

    def take(self, event: Event) -> None:
        if isinstance(event, HostFinished):
            self.outcomes[event.host] = event.outcome
        elif isinstance(event, RunFinished):
            self.cancelled, self.stopped, self.overdue = event.cancelled, event.stopped, event.overdue

    def exit_code(self, *, largest: bool = False) -> int:
        """The process's exit code. What befell the whole run comes before what befell hosts:

        1 output could not be written · 130 called off · 4 stopped · 3 out of time · then with `largest` the largest
        of the hosts' own, or else 3 some host was not reached, 1 some host failed, 0 all is well.
        """
        if self.unwritten is not None:
            return 1
        if self.cancelled and not self.overdue:
            return 130
        if self.stopped:
            return 4
        if self.overdue:
            return 3
        if largest:
            # RFC 4254 has 32 bits for an exit status, and a process has 8: 256 must not become 0.
            return min(max(map(_own_exit_code, self.outcomes.values()), default=0), _LARGEST_EXIT_CODE)
        statuses = {outcome.status for outcome in self.outcomes.values()}
        return 3 if statuses & UNREACHED else 1 if statuses & FAILED else 0


class Published:
    """Hands events to consumers; `result` is how the run went so far.

    A consumer that cannot write is dropped and the run called off; the events are still to be drained, so
    that no worker hangs on a full queue.
    """

    def __init__(self, consumers: Sequence[Consumer], cancel: Cancel) -> None:
        self.result = Result()
        self._consumers = consumers
        self._live = list(consumers)
        self._cancel = cancel

    def show(self, event: Event) -> None:
        self.result.take(event)
        for consumer in tuple(self._live):
            try:
                consumer.show(event)
            except OSError as error:
                self._live.remove(consumer)
                self.result.unwritten = self.result.unwritten or error
                self._cancel.set(f"output cannot be written: {error.strerror or error}")

    def close(self) -> None:
        for consumer in self._consumers:
            consumer.close()


def publish(events: Iterable[Event], consumers: Sequence[Consumer], cancel: Cancel) -> Result:
    """Hand every event to every consumer until the run is over, and tell how it ended."""
    published = Published(consumers, cancel)
    try:
        for event in events:
            published.show(event)
    finally:
        published.close()
    return published.result


def _own_exit_code(outcome: Outcome) -> int:
    if outcome.exit_code is not None:
        return outcome.exit_code
    return 0 if outcome.status in {Status.OK, Status.SKIPPED} else _NO_EXIT_CODE
