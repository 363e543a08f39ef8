"""`pause`: wait, or until somebody agrees."""

from __future__ import annotations

from fleetctl.errors import StepFailed
from fleetctl.jobs.language import Pause
from fleetctl.jobs.scene import Done, Scene


def perform_pause(action: Pause, scene: Scene) -> Done:
    """Raises: StepFailed when nobody agrees; Cancelled."""
    if action.seconds is not None:
        scene.cancel.wait(action.seconds)
    meeting = scene.context.meeting
    if action.ask and meeting is not None:
        host = scene.context.host.name
        if not meeting.agrees(host, f"ask {scene.step.name}", action.ask):
            raise StepFailed("nobody agreed to go on")
    return Done()
