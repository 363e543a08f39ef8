"""`creates` and `unless`: what says that a step has been done before."""

from __future__ import annotations

from fleetctl.jobs.scene import Scene
from fleetctl.operations.command import path_word


def already_done(scene: Scene) -> str:
    """Why the step need not be done, or "". Raises: TemplateFailed, and as `Session.run`."""
    how = scene.step.how
    if how.creates is not None:
        path = scene.renderer.text(how.creates)
        if _succeeds(is_there(path), scene):
            return f"creates: {path} is there"
    if how.unless is not None:
        line = scene.renderer.text(how.unless)
        if _succeeds(line, scene):
            return f"unless: {line}"
    return ""


def is_there(path: str) -> str:
    """A command that succeeds if there is something on the host, be it a link that leads nowhere."""
    word = path_word(path)
    return f"test -e {word} || test -L {word}"


def _succeeds(line: str, scene: Scene) -> bool:
    with scene.session() as session:
        ended = session.run(scene.in_place(line), lambda _stream, _data: None, scene.cancel, timeout=scene.timeout)
    return ended.exit_code == 0
