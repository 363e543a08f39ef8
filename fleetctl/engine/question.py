"""A question to the user that a host's way leads to, asked in the thread that everything is shown from.

So it comes after all that happened before it, and nothing is shown while it waits for its answer.
"""

from __future__ import annotations

import threading

from fleetctl.cancel import Cancel
from fleetctl.errors import Cancelled, Fault, FleetError
from fleetctl.operations.meeting import Agree


class Question:
    """Put by one thread and answered by another."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._answered = threading.Event()
        self._yes = False
        self._error: FleetError | None = None

    def answer(self, cancel: Cancel) -> bool:
        """Wait for it. Raises: Cancelled, and what asking raised."""
        with cancel.guard(None, self._answered.set):
            self._answered.wait()
        cancel.check()
        if self._error is not None:
            raise self._error
        return self._yes

    def ask(self, agree: Agree, cancel: Cancel) -> None:
        """Never raises: that is for the one who waits."""
        try:
            cancel.check()
            self._yes = agree(self._text, cancel)
        except Cancelled:
            return  # the one who waits is told, too
        except FleetError as error:
            self._error = error
        except Exception as error:  # noqa: BLE001 - the thread that asks shows what all hosts do
            self._error = Fault(error)
        finally:
            self._answered.set()
