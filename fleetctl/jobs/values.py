"""What templates see on one host: `host`, `vars`, `steps`, `facts` and `run`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from fleetctl.errors import TemplateFailed
from fleetctl.events import StepResult
from fleetctl.jobs.sequence import Sequence
from fleetctl.jobs.templates import Renderer
from fleetctl.model import Host

_MOST_NEEDED = 10_000


class Table(dict[str, Any]):
    """A mapping that templates know by a name, for when it lacks something: host has no 'nam'."""

    def __init__(self, called: str, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self.called = called


class Vars(Mapping[str, Any]):
    """Variables by name. From the strongest on: set by a step, given with -e, of the inventory, of the job.

    Those of the job may be templates; they are worked out when they are asked for. The others are what they are.
    """

    called = "vars"

    def __init__(self, job: Mapping[str, Any], fixed: Mapping[str, Any], render: Callable[[Any], Any]) -> None:
        self._job = job
        self._fixed = dict(fixed)
        self._render = render
        self._under_way: list[str] = []
        self._needed = 0

    def set(self, values: Mapping[str, Any]) -> None:
        """Steps have set these."""
        self._fixed.update(values)

    def __getitem__(self, name: str) -> Any:
        if name in self._fixed:
            return self._fixed[name]
        if name not in self._job:
            raise KeyError(name)
        if name in self._under_way:
            circle = " → ".join((*self._under_way, name))
            raise TemplateFailed(f"variables need each other: {circle}", hint="write one of them out")
        self._needed = self._needed + 1 if self._under_way else 0
        if self._needed > _MOST_NEEDED:  # two that each need the next one twice, and so on, take for ever
            raise TemplateFailed(f"vars.{self._under_way[0]} needs other variables more than {_MOST_NEEDED:,} times")
        self._under_way.append(name)
        try:
            return self._render(self._job[name])
        finally:
            self._under_way.pop()

    def __contains__(self, name: object) -> bool:
        return name in self._fixed or name in self._job

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self._job, *self._fixed)))

    def __len__(self) -> int:
        return len({*self._job, *self._fixed})


class Facts(Mapping[str, Any]):
    """What is known of a host, gathered when it is first asked for.

    Args:
        gather: connects, if need be. It raises what a session raises.
    """

    called = "facts"

    def __init__(self, gather: Callable[[], Mapping[str, Any]]) -> None:
        self._gather = gather
        self._known: Mapping[str, Any] | None = None

    def forget(self) -> None:
        """They may be different now."""
        self._known = None

    @property
    def known(self) -> Mapping[str, Any]:
        if self._known is None:
            self._known = self._gather()
        return self._known

    def __getitem__(self, name: str) -> Any:
        return self.known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.known)

    def __len__(self) -> int:
        return len(self.known)


class Values:
    """All of it, for one host; for one thread."""

    def __init__(self, sequence: Sequence, host: Host, facts: Facts) -> None:
        self.vars = Vars(
            sequence.job.head.vars, {**host.vars, **sequence.extra}, lambda value: self.renderer().everywhere(value)
        )
        self.steps = Table("steps", {})
        run = Table("run", {"id": sequence.run})
        self._known = {"host": _of(host), "vars": self.vars, "steps": self.steps, "facts": facts, "run": run}

    def register(self, name: str, result: StepResult) -> None:
        """From now on it is `steps.NAME`."""
        self.steps[name] = as_value(result)

    def renderer(self, where: str = "") -> Renderer:
        """What works out the templates of one step. `where`: its file and line."""
        return Renderer(self._known, where)


def as_value(result: StepResult) -> dict[str, Any]:
    """A result as templates see it."""
    value = msgspec.structs.asdict(result)
    value["results"] = [as_value(one) for one in result.results]
    return Table("a result", value)


def _of(host: Host) -> dict[str, Any]:
    """What templates may know of a host: no secrets."""
    known = {
        "name": host.name,
        "address": host.address,
        "port": host.port,
        "user": host.login.user,
        "vars": Table("host.vars", host.vars),
        "tags": list(host.tags),
        "groups": list(host.groups),
    }
    return Table("host", known)
