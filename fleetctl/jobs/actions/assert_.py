"""`assert`: fail unless something is true."""

from __future__ import annotations

from fleetctl.errors import AssertionFailed
from fleetctl.jobs.language import Assert
from fleetctl.jobs.scene import Done, Scene


def perform_assert(action: Assert, scene: Scene) -> Done:
    """Raises: AssertionFailed, TemplateFailed."""
    for expression in action.that:
        if not scene.renderer.holds(expression):
            message = "" if action.message is None else scene.renderer.text(action.message)
            raise AssertionFailed(message or f"not true: {expression}")
    return Done()
