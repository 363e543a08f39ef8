"""What is wrong with files of this machine fails the step, where it would end a command before it begins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fleetctl.errors import StepFailed, UsageError


@contextmanager
def told_as_failure() -> Iterator[None]:
    """Raises: StepFailed for a UsageError."""
    try:
        yield
    except UsageError as error:
        raise StepFailed(error.message, hint=error.hint) from error
