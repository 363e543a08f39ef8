"""`set`: variables of the host, for the steps that follow."""

from __future__ import annotations

from fleetctl.jobs.language import Set
from fleetctl.jobs.scene import Done, Scene


def perform_set(action: Set, scene: Scene) -> Done:
    """Raises: TemplateFailed."""
    return Done(set=scene.renderer.everywhere(action.values))
