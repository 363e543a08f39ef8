"""`get`: files and directories of the host, where they differ from what is here."""

from __future__ import annotations

from fleetctl.errors import StepFailed
from fleetctl.jobs import language
from fleetctl.jobs.actions.moving import moved
from fleetctl.jobs.actions.ours import told_as_failure
from fleetctl.jobs.scene import Done, Scene
from fleetctl.operations.files import fetching
from fleetctl.transfer.choices import Choices
from fleetctl.transfer.patterns import Filter


def perform_get(action: language.Get, scene: Scene) -> Done:
    """Raises: TemplateFailed, StepFailed, and as `operations.get`."""
    if not (scene.step.how.once or "{host}" in action.layout or "{{" in action.dest):
        raise StepFailed("the files of two hosts would get the same name", hint="begin `layout` with {host}/")
    sources, hosts = tuple(map(scene.place, action.src)), (scene.context.host.name,)
    choices = Choices(checksum=True, timeout=scene.timeout)
    choice = Filter(action.exclude)
    with told_as_failure():
        get = fetching(
            sources, scene.local(action.dest), hosts, choices, template=action.layout, recursive=True, choice=choice
        )
    with scene.reach.leaving_nothing(), scene.session() as session:
        return moved(session, get, scene)
