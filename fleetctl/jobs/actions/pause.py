"""`pause`: wait, or until somebody agrees."""

from __future__ import annotations

from fleetctl.jobs.language import Pause
from fleetctl.jobs.scene import Done, Scene


def perform_pause(action: Pause, scene: Scene) -> Done:
    """Raises: Stopped when nobody agrees; Cancelled."""
    if action.seconds is not None:
        scene.cancel.wait(action.seconds)
    meeting = scene.context.meeting
    if action.ask and meeting is not None:
        meeting.agrees(scene.context.host.name, scene.step.name, action.ask)
    return Done()
