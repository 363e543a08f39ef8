"""In a rehearsal: what would be done is worked out, to the last template, and told to the lab host."""

from __future__ import annotations

import shlex

from fleetctl.errors import ConnectionLost
from fleetctl.jobs.language import Get, Local, Reboot, Run, Script, Told, WaitFor
from fleetctl.jobs.rehearsal import Telling
from fleetctl.jobs.scene import Done, Scene
from fleetctl.jobs.waiting import wanted


def perform_told(told: Told, scene: Scene) -> Done:
    """Raises: TemplateFailed, and as `Session.run`."""
    text, changes = _sentence(told, scene)
    restarts = isinstance(told.action, Reboot)
    telling = Telling(scene.step.name, text, told.answer, restarts)
    try:
        with scene.session() as session:
            ended = session.run(telling.line, scene.context.emit, scene.cancel, timeout=scene.timeout)
    except ConnectionLost:
        if not restarts:
            raise
        with scene.session() as session:  # it is back
            session.round_trip(scene.cancel)
        scene.reach.restarted()
        return Done(changed=changes)
    return Done(ended.exit_code, failed=ended.exit_code != 0, changed=changes)


def _sentence(told: Told, scene: Scene) -> tuple[str, bool]:
    """What would be done, and whether that changes something."""
    text = scene.renderer.text
    match told.action:
        case Run(line=line, stdin=stdin) | Local(line=line, stdin=stdin):
            fed = "" if stdin is None else f"\nwith the input: {text(stdin)}"
            where = " here" if isinstance(told.action, Local) else ""
            return f"would run{where}: {text(line)}{fed}", True
        case Script(file=file, args=args):
            return f"would run the script: {shlex.join([scene.local(file), *map(text, args)])}", True
        case Get(src=sources, dest=dest):
            return f"would fetch: {', '.join(map(text, sources))} into {scene.local(dest)}", True
        case Reboot(command=command):
            return f"would restart{'' if command is None else f': {text(command)}'}", False
        case WaitFor() as action:
            return f"would wait for {wanted(action, text)}", False
