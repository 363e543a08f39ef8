"""How a host ends that nobody brought to its end: the run was stopped or called off first, or its worker is lost."""

from __future__ import annotations

from fleetctl.cancel import Cancel
from fleetctl.engine.brake import Brake
from fleetctl.events import ErrorFacts, Outcome, Status


def ending(cancel: Cancel, brake: Brake, *, begun: bool) -> Outcome:
    """The outcome of such a host.

    Args:
        begun: whether something may still run there.
    """
    if brake.reason and not begun:
        return Outcome(Status.SKIPPED, error=ErrorFacts("stopped", f"not begun: {brake.reason}"))
    if cancel.overdue:
        status = Status.TIMEOUT if begun else Status.SKIPPED
        return Outcome(status, error=ErrorFacts("overdue", cancel.reason), remote_ended=not begun)
    if cancel.is_set():
        return Outcome(Status.CANCELLED, error=ErrorFacts("cancelled", cancel.reason), remote_ended=not begun)
    lost = ErrorFacts("worker-lost", "its worker ended without a result")
    return Outcome(Status.ERROR, error=lost, remote_ended=not begun)
