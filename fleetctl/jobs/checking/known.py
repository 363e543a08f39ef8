"""Which names a template may use in one place of a job, and what is wrong with another."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property

import msgspec

from fleetctl.events import StepResult
from fleetctl.inventory.mistakes import did_you_mean
from fleetctl.jobs.checking.parsing import Path, shown
from fleetctl.jobs.facts import FACTS
from fleetctl.jobs.templates import NAMES
from fleetctl.model import Host
from fleetctl.nodes import fold

HOST = ("name", "address", "port", "user", "vars", "tags", "groups")
RESULT = StepResult.__struct_fields__
_OWN = {
    "item": "there is none here: it is for the steps that have a `loop`",
    "index": "there is none here: it is for the steps that have a `loop`",
    "result": "there is none here: it is for until, changed_when and failed_when",
}
_OF_OTHERS = {
    "inventory_hostname": "host.name", "ansible_host": "host.address", "ansible_hostname": "facts.hostname",
    "hostname": "facts.hostname", "groups": "host.groups", "group_names": "host.groups",
}  # fmt: skip
_MOST_OF_HOSTS = 120
_FIXED: dict[Path, Sequence[str]] = {("host",): HOST, ("facts",): tuple(FACTS), ("run",): ("id",), ("result",): RESULT}


class Variables:
    """What the inventory says of the hosts of a job.

    Args:
        takers: those that come to a step; asked for when some lack something.
    """

    def __init__(self, hosts: Sequence[Host], takers: Callable[[], Sequence[Host]] | None = None) -> None:
        self._hosts = hosts
        self._takers = takers or (lambda: hosts)
        self._lacking: dict[str, list[str]] = {}

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(name for host in self._hosts for name in host.vars)

    def of(self, takers: Callable[[], Sequence[Host]]) -> Variables:
        """The same, where some of the hosts alone come to."""
        narrowed = Variables(self._hosts, takers)
        narrowed._lacking = self._lacking
        return narrowed

    def some_have(self, path: Path) -> bool:
        """Whether it is a variable that is missing on a few hosts, and not a wrong word."""
        return path[:-1] in {("vars",), ("host", "vars")} and path[-1] in self.names

    def mistake(self, path: Path, others: Iterable[str] = ()) -> str:
        """What is wrong with a path that ends with the name of a variable; "" when every host has it.

        Args:
            others: names that could have been meant, too.
        """
        if not self._all_lacking(path[-1]):
            return ""
        takers = [host.name for host in self._takers()]
        lacking = sorted(set(self._all_lacking(path[-1])) & set(takers))
        if len(lacking) < len(takers):
            return f"{shown(path)} is not defined for {hosts_in_short(lacking)}" if lacking else ""
        return f"{shown(path)} is not defined{_meant(path, sorted({*self.names, *others}))}" if takers else ""

    def _all_lacking(self, name: str) -> list[str]:
        if name not in self._lacking:
            self._lacking[name] = [host.name for host in self._hosts if name not in host.vars]
        return self._lacking[name]


class Known(msgspec.Struct, frozen=True):
    """What templates see in one place.

    Args:
        inventory: what each host has from there.
        own: `item`, `index` and `result`, where they have a meaning.
        vars: variables that all hosts have by then, by what says so.
        later: those that a step further on sets, by its name.
        steps: the results that are registered by then.
        steps_later: those that are registered further on, by the name of their step.
        certain: says whether it is come to on each of those hosts.
    """

    inventory: Variables
    vars: frozenset[str] = frozenset()
    later: Mapping[str, str] = {}
    steps: frozenset[str] = frozenset()
    steps_later: Mapping[str, str] = {}
    own: frozenset[str] = frozenset()
    certain: Callable[[], bool] = lambda: True

    def mistake(self, path: Path) -> str:
        """What is wrong with looking a path up, if its beginning is right; "" when nothing is."""
        said = ""
        match path:
            case (name,):
                said = self._name(name)
            case ("vars", _):
                said = self._variable(path)
            case ("host", "vars", _):
                said = self.inventory.mistake(path)
            case ("steps", name):
                said = self._step(name)
            case ("steps", _, word):
                said = _among(path, word, RESULT)
            case (*around, word) if tuple(around) in _FIXED:
                said = _among(path, word, _FIXED[tuple(around)])
        return said

    def _name(self, name: str) -> str:
        if name in self.own or (name in NAMES and name not in _OWN):
            return ""
        if name in _OWN:
            return f"{name}: {_OWN[name]}"
        words = {
            **_under("facts", FACTS), **_under("host", HOST), **_under("steps", self.steps),
            **_under("vars", {*self.vars, *self.later, *self.inventory.names}), **_OF_OTHERS,
        }  # fmt: skip
        near = difflib.get_close_matches(name, [*words, *NAMES], 1)
        meant = f"did you mean {words.get(near[0], near[0])}?" if near else f"there are {', '.join(NAMES[:5])}"
        return f"{name} is not defined; {meant}"

    def _variable(self, path: Path) -> str:
        if path[-1] in self.vars:
            return ""
        mistake = self.inventory.mistake(path, (*self.vars, *self.later))
        if mistake and path[-1] in self.later:
            return f"{shown(path)} is not set before the step {self.later[path[-1]]!r}"
        return mistake

    def _step(self, name: str) -> str:
        path = shown(("steps", name))
        if name in self.steps:
            return ""
        if name in self.steps_later:
            return f"{path} is not known before the step {self.steps_later[name]!r}"
        return f"{path}: no step before this one has `register: {name}`{_meant(('steps', name), sorted(self.steps))}"


def hosts_in_short(names: Sequence[str]) -> str:
    """Hosts in a sentence."""
    folded = fold(names)
    return folded if len(folded) <= _MOST_OF_HOSTS else f"{len(names)} hosts: {folded[:_MOST_OF_HOSTS]}…"


def _under(table: str, names: Iterable[str]) -> dict[str, str]:
    return {name: f"{table}.{name}" for name in names}


def _meant(path: Path, names: Sequence[str]) -> str:
    """As `did_you_mean`, with the table that the name is in."""
    return did_you_mean(path[-1], names).replace("you mean ", f"you mean {shown(path[:-1])}.")


def _among(path: Path, word: str, words: Sequence[str]) -> str:
    if word in words:
        return ""
    meant = _meant(path, words) or f"; there are {', '.join(words)}"
    return f"{shown(path)} is not defined{meant}"
