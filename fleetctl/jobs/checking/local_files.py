"""The files of this machine that a job wants: whether they are there, worked out for each host where they differ."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from fleetctl.errors import TemplateFailed, UsageError
from fleetctl.inventory.document import Place
from fleetctl.jobs.checking.foreseeing import Foresight
from fleetctl.jobs.language import Put, Script, Step, TemplateFile
from fleetctl.jobs.texts import LocalPath, beside
from fleetctl.model import Host
from fleetctl.transfer.local import expand


class Wanted(msgspec.Struct, frozen=True):
    """A file that is to be there.

    Args:
        text: what stands in the job.
        path: what that is.
        hosts: for whom, where others want another one.
    """

    place: Place
    text: LocalPath
    path: str
    hosts: tuple[str, ...] = ()

    def mistake(self, action: object) -> str:
        """What is wrong with it, or ""."""
        if isinstance(action, Put):
            return self._nothing_to_put()
        path = Path(self.path)
        if not path.exists():
            return f"there is no file {path}"
        return "" if path.is_file() else f"{path} is no file"

    def _nothing_to_put(self) -> str:
        try:
            expand([self.path])
        except UsageError as error:
            return error.message
        return ""


def wanted(step: Step, foresight: Foresight) -> Iterator[Wanted]:
    """The files that a step wants, as far as that can be known."""
    for place, text in _sources(step):
        if "{" not in text:
            yield Wanted(place, text, str(beside(step.file, text)))
            continue
        found: dict[str, list[str]] = {}
        takers = foresight.takers(step)
        for host in takers:
            for path in _paths(text, step, host, foresight):
                found.setdefault(path, []).append(host.name)
        for path, hosts in found.items():
            yield Wanted(place, text, path, () if len(hosts) == len(takers) else tuple(hosts))


def _sources(step: Step) -> Iterator[tuple[Place, LocalPath]]:
    match step.action:
        case Script(file=file):
            yield ("script", "file"), file
        case TemplateFile(src=src):
            yield ("template", "src"), src
        case Put(src=sources):
            for number, src in enumerate(sources):
                yield ("put", "src", f"[{number}]"), src


def _paths(text: LocalPath, step: Step, host: Host, foresight: Foresight) -> set[str]:
    """What it is on a host, for each item of a loop; nothing where that shows only later."""
    renderer = foresight.on(host)
    if foresight.knows(text):
        renderers = [renderer]
    elif foresight.knows(text, {"item", "index"}):
        items = foresight.items(step, host) or []
        renderers = [renderer.with_values(item=item, index=index) for index, item in enumerate(items, 1)]
    else:
        return set()
    try:
        return {str(beside(step.file, one.text(text))) for one in renderers}
    except TemplateFailed:
        return set()  # why is told of the template
