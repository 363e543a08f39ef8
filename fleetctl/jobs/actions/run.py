"""`run`: a command line."""

from __future__ import annotations

from fleetctl.events import Status
from fleetctl.jobs.language import Run
from fleetctl.jobs.scene import Done, Scene
from fleetctl.operations.command import Command


def perform_run(action: Run, scene: Scene) -> Done:
    """Raises: as `Session.run`."""
    command = Command(scene.renderer.text(action.line), scene.env, scene.cwd, scene.timeout, action.pty)
    with scene.session() as session:
        outcome = command.perform(session, scene.context)
    failed = outcome.status is not Status.OK
    why = outcome.error.message if outcome.error is not None else ""
    return Done(outcome.exit_code, failed=failed, changed=True, signalled=outcome.signalled, why=why)
