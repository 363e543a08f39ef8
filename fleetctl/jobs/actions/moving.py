"""What put, get and template have in common: files are moved where their content differs, and what came of it."""

from __future__ import annotations

import msgspec

from fleetctl.errors import ConnectionLost, SftpMissing, StepFailed, TimedOut, ToolMissing, TransferError
from fleetctl.events import ErrorFacts, Outcome, Status
from fleetctl.jobs.actions.ours import worded
from fleetctl.jobs.scene import Done, Scene
from fleetctl.operations.get import Get
from fleetctl.operations.put import Put
from fleetctl.ssh.any_session import AnySession


def moved(session: AnySession, operation: Put | Get, scene: Scene) -> Done:
    """Do it. Raises: StepFailed where a file could not be moved, and as the operation."""
    try:
        outcome = _performed(session, operation, scene)
    except (ConnectionLost, TimedOut) as error:  # their hints are options of `fleetctl put`
        error.hint = "`timeout` of the step gives it longer" if isinstance(error, TimedOut) else ""
        raise
    except TransferError as error:
        error.hint = worded(error.hint)
        raise
    if outcome.status is not Status.OK:
        facts = outcome.error or ErrorFacts("transfer", "files could not be moved")
        raise StepFailed(facts.message, hint=facts.hint)
    totals = outcome.totals
    changed = totals is not None and totals.files + totals.linked + totals.deleted + totals.made > 0
    return Done(changed=changed)


def _performed(session: AnySession, operation: Put | Get, scene: Scene) -> Outcome:
    """Where the host cannot tell what its files hold, all of them are moved."""
    try:
        return operation.perform(session, scene.context)
    except SftpMissing:
        raise
    except ToolMissing:
        blind = msgspec.structs.replace(operation.choices, checksum=False)
        return msgspec.structs.replace(operation, choices=blind).perform(session, scene.context)
