"""What expressions come to on each host, where that hangs on nothing but the job's variables and the inventory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from fleetctl.errors import TemplateFailed
from fleetctl.jobs.checking import parsing
from fleetctl.jobs.checking.lookups import looked_up
from fleetctl.jobs.checking.parsing import BadTemplateError, Parsed
from fleetctl.jobs.checking.texts_of import inside
from fleetctl.jobs.language import Job, Set, Step
from fleetctl.jobs.sequence import Sequence as Played
from fleetctl.jobs.templates import Renderer
from fleetctl.jobs.texts import Expression
from fleetctl.jobs.values import Facts, Values
from fleetctl.model import Host


class Foresight:
    """Works out what can be worked out now."""

    def __init__(self, job: Job, hosts: Sequence[Host], extra: Mapping[str, Any]) -> None:
        self.hosts = hosts
        self._played = Played(job, dict(extra))
        self._renderers: dict[str, Renderer] = {}

    def knows(self, text: str, own: Iterable[str] = ()) -> bool:
        """Whether a template or an expression hangs on nothing that only shows when the job is played.

        Args:
            own: more names that have a value by now.
        """
        try:
            return self._hangs_on_known(parsed(text), {"host", *own}, set())
        except BadTemplateError:
            return False

    def on(self, host: Host) -> Renderer:
        """What works out on a host what `knows` says yes to."""
        if host.name not in self._renderers:
            self._renderers[host.name] = Values(self._played, host, Facts(_unknown)).renderer()
        return self._renderers[host.name]

    def takers(self, step: Step) -> Sequence[Host]:
        """The hosts on which its conditions are not known to be false."""
        known = [one for one in step.how.when if self.knows(one)]
        return [host for host in self.hosts if all(self._may_hold(one, host) for one in known)] if known else self.hosts

    def knows_conditions(self, step: Step) -> bool:
        return all(map(self.knows, step.how.when))

    def items(self, step: Step, host: Host) -> list[Any] | None:
        """What its loop goes through; nothing where that cannot be known, or is no list."""
        loop = step.how.loop
        if loop is None or not self.knows_loop(step):
            return None
        try:
            found = self.on(host).value(loop) if isinstance(loop, str) else self.on(host).everywhere(loop)
        except TemplateFailed:
            return None
        return list(found) if isinstance(found, list | tuple) else None

    def knows_loop(self, step: Step) -> bool:
        loop = step.how.loop
        if isinstance(loop, str):
            return self.knows(Expression(loop))
        return all(self.knows(one.text) for one in inside((), loop))

    def _may_hold(self, expression: Expression, host: Host) -> bool:
        try:
            return self.on(host).holds(expression)
        except TemplateFailed:
            return True

    def _hangs_on_known(self, template: Parsed, names: set[str], on_the_way: set[str]) -> bool:
        paths = set(looked_up(template))
        return {path[0] for path in paths} == template.free and all(
            path[0] in names or self._is_known_variable(path, on_the_way) for path in paths
        )

    def _is_known_variable(self, path: parsing.Path, on_the_way: set[str]) -> bool:
        if path[0] != "vars" or len(path) == 1 or path[1] in self._set_by_steps or path[1] in on_the_way:
            return False
        own = self._played.job.head.vars.get(path[1])
        return all(self._hangs_on_known(parsed(one.text), {"host"}, {*on_the_way, path[1]}) for one in inside((), own))

    @cached_property
    def _set_by_steps(self) -> frozenset[str]:
        steps = (*self._played.job.steps, *self._played.job.handlers)
        return frozenset(name for step in steps if isinstance(step.action, Set) for name in step.action.values)


def parsed(text: str) -> Parsed:
    """A text by its kind. Raises: BadTemplateError."""
    if isinstance(text, Expression):
        return parsing.expression(str(text))
    return parsing.template(str(text))


def _unknown() -> Mapping[str, Any]:
    raise TemplateFailed("facts are not known before the job is played")
