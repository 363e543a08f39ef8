"""`put`: files and directories of this machine, where they differ from what is there."""

from __future__ import annotations

from pathlib import Path

import msgspec

from fleetctl.errors import FleetError
from fleetctl.jobs import language
from fleetctl.jobs.actions.differing import MOST, before
from fleetctl.jobs.actions.moving import moved
from fleetctl.jobs.actions.ours import told_as_failure
from fleetctl.jobs.scene import Done, Scene
from fleetctl.operations.files import sending
from fleetctl.operations.put import Put
from fleetctl.transfer.choices import Choices
from fleetctl.transfer.patterns import Filter


def perform_put(action: language.Put, scene: Scene) -> Done:
    """Raises: TemplateFailed, StepFailed, and as `operations.put`."""
    words = tuple(map(scene.local, action.src))
    choices = Choices(
        checksum=True, backup=action.backup, mkdir=action.mkdir, delete=action.delete, timeout=scene.timeout
    )
    dest, owner = scene.place(action.dest), scene.given(action.owner)

    def gather() -> Put:
        choice = Filter(action.exclude)
        return sending(words, "", choices, recursive=True, choice=choice, mode=action.mode)

    gathered, key = scene.context.shared.gathered, (scene.step.name, words)
    with told_as_failure():
        put = gathered.get(key, gather)
    destination = msgspec.structs.replace(put.destination, path=dest, owner=owner)
    try:
        return send(msgspec.structs.replace(put, destination=destination), scene)
    except FleetError:
        gathered.forget(key)  # another try sends what is here then
        raise


def send(put: Put, scene: Scene) -> Done:
    """Raises: StepFailed, and as `operations.put`."""
    (single, *more) = put.tree.entries or (None,)
    with scene.reach.leaving_nothing(), scene.session() as session:
        if not scene.sequence.diff or single is None or single.kind != "file" or more:
            return moved(session, put, scene)
        old = before(session, put.destination, scene.cancel)
        with Path(single.origin).open("rb") as file:
            new = file.read(MOST + 1)
        done = moved(session, put, scene)
        if done.changed and (told := old.diff(new)):
            scene.context.emit("stdout", told)
        return done
