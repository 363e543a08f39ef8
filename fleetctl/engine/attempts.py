"""Tries at connecting to one host: how many were made, and what is known of it when something goes wrong."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import TypeVar

from fleetctl import errors
from fleetctl.cancel import Cancel
from fleetctl.events import Outcome, Status
from fleetctl.operations import Context
from fleetctl.ssh.session import Session
from fleetctl.statuses import facts_of

T = TypeVar("T")
_BACKOFF_SECONDS = 0.25
_log = logging.getLogger("fleetctl.engine")


class Attempts:
    """Counts tries at connecting, and knows whether something was begun on the host that may outlast us."""

    def __init__(self, retries: int) -> None:
        self.made = 0
        self.begun = False
        self.timings: dict[str, float] = {}
        self._retries = retries

    def run(self, attempt: Callable[[], T], host: str, cancel: Cancel) -> T:
        """Try until it is done; only a server that turned us away before its banner is tried again."""
        for again in range(self._retries + 1):
            self.made += 1
            try:
                return attempt()
            except errors.TurnedAway as error:
                if again == self._retries:
                    raise
                seconds = _BACKOFF_SECONDS * 2**again * random.uniform(0.5, 1.5)  # noqa: S311 - spreads them, no more
                _log.info("%s: %s; again in %.1f s", host, error.message, seconds)
                cancel.wait(seconds)
        raise AssertionError("the last try returns or raises")

    def logged_in(self, session: Session, *, begins: bool) -> None:
        self.begun = begins
        self.timings = session.timings


def fault(error: Exception, context: Context, *, begun: bool) -> Outcome:
    """A mistake of ours, as the end of one host."""
    _log.debug("%s", context.host.name, exc_info=error)
    return Outcome(Status.ERROR, error=facts_of(errors.Fault(error)), remote_ended=not begun)
