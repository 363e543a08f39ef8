"""Target expressions, written as clush users write them, evaluated by ClusterShell's NodeSet over the inventory."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any

from ClusterShell.NodeSet import NodeSet, NodeSetException
from ClusterShell.NodeUtils import GroupResolver, GroupResolverError, GroupSource

from fleetctl.errors import TargetError
from fleetctl.inventory.mistakes import did_you_mean
from fleetctl.inventory.ranges import check_size
from fleetctl.nodes import expand, fold

_OPERATORS = re.compile(r"([,&!^])(?![^\[]*\])")
_GLOB = re.compile(r"[*?]")
_KIND = re.compile(r"@(\w*):")
_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")
_SHOWN = 8

Hosts = Mapping[str, Iterable[str]]
"""Host names by group, by tag, or by variable."""


class Targets:
    """Selects among host names.

    Args:
        names: all hosts, in inventory order.
        groups: the hosts of each group.
        tags: the hosts of each tag.
        variables: the hosts of each `name=value`.
    """

    def __init__(
        self, names: Iterable[str], groups: Hosts, tags: Callable[[], Hosts], variables: Callable[[], Hosts]
    ) -> None:
        self._order = {name: place for place, name in enumerate(names)}
        self._groups = groups
        self._kinds: dict[str, Callable[[], Hosts]] = {"group": lambda: groups, "tag": tags, "var": variables}

    def select(self, expression: str) -> list[str]:
        """The hosts an expression stands for, in inventory order.

        Raises: TargetError when it cannot be read, names what does not exist, or selects nothing.
        """
        chosen = self.named(expression)
        if not chosen:
            raise TargetError(self._why_nothing(expression), hint="`fleetctl hosts` lists what there is")
        return sorted(chosen, key=self._order.__getitem__)

    def named(self, expression: str) -> set[str]:
        """The hosts an expression stands for, perhaps none.

        Raises: TargetError when it cannot be read, or names what does not exist.
        """
        terms = _OPERATORS.split(expression)
        try:
            check_size(expression)
            terms[::2] = [self._term(term.strip()) for term in terms[::2]]
            return set(NodeSet("".join(terms), resolver=self._resolver))
        except TargetError as error:
            raise TargetError(f"target {expression!r}: {error.message}", hint=error.hint) from error
        except (ValueError, NodeSetException, GroupResolverError) as error:
            raise TargetError(f"target {expression!r} cannot be read: {error}", hint="see docs/targeting.md") from error

    def _term(self, term: str) -> str:
        """A term as NodeSet is to read it: a bare group name works as @name, where no host is called so."""
        kind = _KIND.match(term)
        if kind and kind[1] not in self._kinds:
            raise TargetError(f"there is no @{kind[1]}:", hint="write @group:…, @tag:… or @var:name=value")
        if _GLOB.search(term) and "[" in term:
            raise TargetError(f"{term!r}: a range and a wildcard do not go together", hint="use one of them")
        if term.startswith("@") or _GLOB.search(term):
            return term
        if term in self._groups and term not in self._order:
            return f"@{term}"
        unknown = [name for name in expand(term) if name not in self._order]
        if unknown:
            hint = "hosts outside the inventory are named with -H"
            raise TargetError(f"no such host or group: {fold(unknown)}{self._meant(unknown)}", hint=hint)
        return term

    @cached_property
    def _resolver(self) -> GroupResolver:
        resolver = GroupResolver(default_source=_Source("group", self._kinds["group"], self._order))
        for kind in ("tag", "var"):
            resolver.add_source(_Source(kind, self._kinds[kind], None))
        return resolver

    def _why_nothing(self, expression: str) -> str:
        if not expression.strip():
            return "the target is empty"
        for term in map(str.strip, _OPERATORS.split(expression)[::2]):
            if not self.named(term):
                return f"target {expression!r}: {term!r} selects no host"
        return f"target {expression!r}: nothing is left when its parts are put together"

    def _meant(self, unknown: list[str]) -> str:
        padded = {_ZEROS.sub("", name): name for name in self._order}
        for name in unknown:
            if (meant := padded.get(_ZEROS.sub("", name))) is not None:
                return f"; did you mean {meant}?"
        return did_you_mean(unknown[0], [*self._order, *self._groups])


class _Source(GroupSource):  # type: ignore[misc]  # ClusterShell ships no types
    """Lets NodeSet ask for the hosts of `@name`, and of all, for `@*`; see ClusterShell/NodeUtils.py."""

    def __init__(self, kind: str, hosts_by_name: Callable[[], Hosts], every: Iterable[str] | None) -> None:
        super().__init__(kind, {})
        self.has_reverse = False
        self._hosts_by_name = hosts_by_name
        self._every = every

    def resolv_map(self, name: str) -> str:
        known = self._hosts_by_name()
        if name not in known:
            raise self._unknown(name, known)
        return fold(known[name])

    def resolv_list(self) -> list[str]:
        return list(self._hosts_by_name())

    def resolv_all(self) -> str:
        if self._every is not None:
            return fold(self._every)
        return fold({host for hosts in self._hosts_by_name().values() for host in hosts})

    def _unknown(self, name: str, known: Hosts) -> TargetError:
        some = ", ".join(list(known)[:_SHOWN]) + (", …" if len(known) > _SHOWN else "")
        meant = did_you_mean(name, known) or (f"; there are: {some}" if known else "; there are none")
        said = {"group": f"there is no group {name!r}", "tag": f"no host has the tag {name!r}"}
        return TargetError(f"{said.get(self.name, f'no host has the variable {name!r}')}{meant}")


def plain(value: Any) -> str:
    """A setting's value as a person writes it, and as `@var:name=value` has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(map(plain, value)) if isinstance(value, list | tuple) else str(value)
