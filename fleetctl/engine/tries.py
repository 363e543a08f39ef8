"""One host's tries of a command that may be run again: how many, on which connection, and what they came to."""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec

from fleetctl import errors
from fleetctl.events import ErrorFacts, Outcome, Status, Stream
from fleetctl.operations import Context
from fleetctl.operations.repeat import Repeat

_MOST_KEPT = 256 * 1024
"""Bytes of a try's output that a regular expression sees: the last ones."""
_log = logging.getLogger("fleetctl.engine")


class Tries:
    """For one thread.

    Args:
        repeat: None for an operation that is done once.
        context: that of the operation; it is to be given `self.context`, by which its output is seen.
    """

    def __init__(self, repeat: Repeat | None, context: Context) -> None:
        self.repeats = 0
        self.may_run_on = False
        """Whether a try was given up of which it is not known that it has ended."""
        self.between = False
        """Whether one has ended, and the next not yet begun."""
        self._repeat = repeat
        self._begun = False
        self._stdout = bytearray()
        self._given = context
        seen = repeat is not None and repeat.output
        self.context = msgspec.structs.replace(context, emit=self._emit) if seen else context

    def through(self, visit: Callable[[], Outcome]) -> Outcome:
        """Visit the host, and again where the connection was lost after a first try. Raises: as the last visit."""
        while True:
            try:
                return visit()
            except (errors.UnreachableError, errors.TimedOut) as error:
                if not self._begun or not self._left:
                    raise
                self._next(error)

    def on_session(self, attempt: Callable[[], Outcome]) -> Outcome:
        """Try on one session until it is what is wanted, or enough. Raises: as the last try."""
        if self._repeat is None:
            return attempt()
        self._begun = True
        while True:
            self._stdout.clear()
            try:
                outcome = attempt()
            except errors.TimedOut as error:
                if not self._left or not error.killed:  # the connection is cut then, whether it shows already or not
                    raise
                self._next(error)
                continue
            held = self._repeat.held(outcome.exit_code, bytes(self._stdout))
            if held or not self._left:
                return self._judged(self._repeat, outcome, held=held)
            self._next(None)

    @property
    def _left(self) -> bool:
        return self._repeat is not None and self.repeats < self._repeat.retries

    def _next(self, error: errors.FleetError | None) -> None:
        """Wait until it is time for it. Raises: Cancelled."""
        self.may_run_on |= error is not None and not error.killed
        why = "not what is wanted" if error is None else error.message
        _log.info("%s: %s; try %d follows", self._given.host.name, why, self.repeats + 2)
        self.between = True
        self._given.cancel.wait(0.0 if self._repeat is None else self._repeat.delay)
        self.between = False
        self.repeats += 1

    def _judged(self, repeat: Repeat, outcome: Outcome, *, held: bool) -> Outcome:
        if not held:
            tries = "the one try" if self.repeats == 0 else f"{self.repeats + 1} tries"
            error = ErrorFacts("condition-unmet", f"{repeat} did not hold in {tries}", hint="see what it says there")
            return msgspec.structs.replace(outcome, status=Status.FAILED, error=error)
        if repeat.until is not None:  # then it is the user who says which exit codes are good
            return msgspec.structs.replace(outcome, status=Status.OK, error=None)
        return outcome

    def _emit(self, stream: Stream, data: bytes) -> None:
        if stream == "stdout":
            self._stdout += data
            del self._stdout[:-_MOST_KEPT]
        self._given.emit(stream, data)
