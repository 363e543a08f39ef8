"""What an error of ours means for its host: its status, and the facts of it that cross every boundary."""

from __future__ import annotations

from fleetctl import errors
from fleetctl.events import ErrorFacts, Status

_STATUS: tuple[tuple[type[errors.FleetError], Status], ...] = (
    (errors.UnreachableError, Status.UNREACHABLE),
    (errors.DeniedError, Status.DENIED),
    (errors.UntrustedError, Status.UNTRUSTED),
    (errors.Withheld, Status.SKIPPED),
    (errors.Stopped, Status.SKIPPED),
    (errors.TimedOut, Status.TIMEOUT),
    (errors.TransferError, Status.FAILED),
    (errors.StepFailed, Status.FAILED),
    (errors.Overdue, Status.TIMEOUT),
    (errors.Cancelled, Status.CANCELLED),
)
NOTHING_BEGAN = (errors.ChannelRefused, errors.RequestRefused, errors.ElevationDenied, errors.Withheld)
"""After these it is known that no command of ours was begun."""


def status_of(error: errors.FleetError) -> Status:
    """The status that an error of ours means for its host."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), Status.ERROR)


def facts_of(error: errors.FleetError) -> ErrorFacts:
    return ErrorFacts(error.code, error.message, error.hint, dict(error.facts))
