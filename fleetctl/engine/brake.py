"""What stops a run without calling it off: no further host begins, and those that run may finish.

Whoever works on hosts tells each outcome here before it takes its next host, and asks before that one begins:
events may wait in a queue for long, and a failure that stands in it would let hosts begin that should not.
"""

from __future__ import annotations

import threading
from collections.abc import Collection

from fleetctl.events import FAILED, UNREACHED, Outcome, Status

FAILURES = FAILED | UNREACHED
"""What uses up a budget of failures, when nothing else is said."""


class Brake:
    """One for a whole run, whatever the number of its batches. Thread-safe.

    Args:
        most: how many hosts may fail; one more, and it is pulled. None is no limit.
        counted: the statuses that count.
    """

    def __init__(self, most: int | None = None, counted: Collection[Status] = FAILURES) -> None:
        self._most = most
        self._counted = counted
        self._count_lock = threading.Lock()
        self._count = 0
        self._reason = ""

    @property
    def reason(self) -> str:
        """Why no further host may begin, or "" while they may."""
        return self._reason

    def note(self, outcome: Outcome) -> None:
        """A host has ended so."""
        if outcome.status not in self._counted:
            return
        with self._count_lock:
            self._count += 1
            if self._most is not None and self._count > self._most:
                self._reason = self._reason or _spent(self._most)

    def pull(self, reason: str) -> None:
        """No further host may begin, whatever has failed. The first reason stays."""
        with self._count_lock:
            self._reason = self._reason or reason


def _spent(most: int) -> str:
    return f"{most + 1} hosts failed, and {most} may" if most else "a host failed, and none may"
