"""What is kept of the steps of a job on one host: that they began and ended, always, and what later ones may need.

A value that is not kept as it was is not kept at all, and the step says so: nobody may go on with `***` for a password.
"""

from __future__ import annotations

import msgspec

from fleetctl.events import StepFinished
from fleetctl.history import encoding
from fleetctl.history.masking import Mask, secret_values

ROOM = 4 * 1024 * 1024
"""Bytes of what the steps of one host registered and set."""

MASKED = "there is a secret in it"
TOO_LONG = "it is too long"
UNWRITTEN = "the history could not be written"


class StepKeeper:
    """For one host.

    Args:
        mask: what is known to be secret; it learns of variables that are set, if their names say that they are.
    """

    def __init__(self, mask: Mask) -> None:
        self.mask = mask
        self._room = ROOM

    def kept(self, event: StepFinished) -> StepFinished:
        """The end of a step as it is put down."""
        if secrets := secret_values(event.set):
            self.mask = self.mask.knowing(secrets)
        masked = self.mask.record(event)
        if (masked.result, masked.set) != (event.result, event.set):
            return without_values(masked, MASKED)
        if masked.result is not None or masked.set:
            self._room -= len(encoding.encode((masked.result, masked.set)))
        return masked if self._room >= 0 else without_values(masked, TOO_LONG)


def without_values(event: StepFinished, why: str) -> StepFinished:
    """The same without what it came to and has set, where it has."""
    if event.result is None and not event.set:
        return event
    return msgspec.structs.replace(event, result=None, set={}, lost=why)
