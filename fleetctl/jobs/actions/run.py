"""`run`: a command line."""

from __future__ import annotations

from fleetctl.jobs.language import Run
from fleetctl.jobs.scene import Done, Scene
from fleetctl.operations.command import Command


def perform_run(action: Run, scene: Scene) -> Done:
    """Raises: TemplateFailed, and as `Session.run`."""
    command = Command(scene.renderer.text(action.line), scene.env, scene.cwd, scene.timeout, action.pty)
    context = scene.reading(action.stdin)
    with scene.session() as session:
        return Done.of(command.perform(session, context))
