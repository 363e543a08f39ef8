"""`local`: a command line on this machine, beside the job file. What it says is the host's output."""

from __future__ import annotations

from pathlib import Path

from fleetctl.durations import spelled
from fleetctl.errors import StepFailed, TimedOut
from fleetctl.events import ErrorFacts
from fleetctl.here import Errand, run_here
from fleetctl.jobs.language import Local
from fleetctl.jobs.scene import Done, Scene


def perform_local(action: Local, scene: Scene) -> Done:
    """Raises: StepFailed when it cannot be run; TimedOut, Cancelled, after it was ended."""
    stdin = "" if action.stdin is None else scene.renderer.data(action.stdin)
    directory = Path(scene.step.file).parent / Path(scene.cwd).expanduser()
    errand = Errand(
        scene.renderer.text(action.line), scene.sequence.hidden, scene.env, str(directory), stdin.encode(),
        scene.timeout,
    )  # fmt: skip
    try:
        code = run_here(errand, scene.context.emit, scene.cancel)
    except OSError as error:
        raise StepFailed(f"cannot be run here: {error.strerror}: {error.filename}") from error
    if code is None:
        raise _late(scene.timeout or 0.0)
    if code < 0:
        return Done(None, failed=True, changed=True, error=ErrorFacts("killed", f"killed by signal {-code}"))
    return Done(code, failed=code != 0, changed=True)


def _late(seconds: float) -> TimedOut:
    error = TimedOut(f"not done within {spelled(seconds)}")
    error.killed = True
    return error
