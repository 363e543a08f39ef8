"""`template`: a file of this machine, with the values of the host, put in place whole or not at all."""

from __future__ import annotations

import tempfile
from pathlib import Path

from fleetctl.errors import StepFailed
from fleetctl.jobs.actions.put import send
from fleetctl.jobs.language import TemplateFile
from fleetctl.jobs.scene import Done, Scene
from fleetctl.operations.put import Put
from fleetctl.transfer.choices import Choices
from fleetctl.transfer.destination import Destination
from fleetctl.transfer.tree import Entry, Tree

LARGEST = 4 * 1024 * 1024
_ENDINGS = (".j2", ".jinja", ".jinja2")
_MODE = 0o644


def perform_template(action: TemplateFile, scene: Scene) -> Done:
    """Raises: TemplateFailed with the line of the template, StepFailed, and as `operations.put`."""
    path = scene.local(action.src)
    template = scene.context.shared.gathered.get((scene.step.name, path), lambda: _read(path))
    content = scene.renderer.file(template, path).encode(errors="surrogateescape")
    name = Path(path).name
    name = next((name.removesuffix(ending) for ending in _ENDINGS if name.endswith(ending)), name)
    destination = Destination(scene.place(action.dest), name, mode=action.mode, owner=scene.given(action.owner))
    choices = Choices(checksum=True, backup=action.backup, mkdir=action.mkdir, timeout=scene.timeout)
    with tempfile.TemporaryDirectory(prefix="fleetctl-") as directory:  # which nobody else may enter
        made = Path(directory, name)
        made.write_bytes(content)
        found = made.stat()
        entry = Entry(name, "file", found.st_size, int(found.st_mtime), _MODE, str(made))
        return send(Put((action.src,), destination, Tree((entry,)), choices=choices), scene)


def _read(path: str) -> str:
    """Raises: StepFailed."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise StepFailed(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    if len(content) > LARGEST:
        raise StepFailed(f"{path} is over 4 MiB, which is much for a template", hint="`put` sends files as they are")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise StepFailed(f"{path} is no UTF-8 text", hint="`put` sends files as they are") from error
