"""`script`: a script of this machine, run on the host."""

from __future__ import annotations

from fleetctl.jobs.actions.ours import told_as_failure
from fleetctl.jobs.language import Script
from fleetctl.jobs.scene import Done, Scene
from fleetctl.operations import script


def perform_script(action: Script, scene: Scene) -> Done:
    """Raises: TemplateFailed; StepFailed when the script cannot be read; and as `operations.script`."""
    text = scene.renderer.text
    path = scene.local(action.file)
    with told_as_failure():
        source = scene.context.shared.gathered.get(
            (scene.step.name, path), lambda: script.read_script(path, action.interpreter.split())
        )
    operation = script.Script(source, tuple(map(text, action.args)), scene.env, scene.cwd, scene.timeout)
    context = scene.reading(action.stdin)
    with scene.session() as session:
        return Done.of(operation.perform(session, context))
