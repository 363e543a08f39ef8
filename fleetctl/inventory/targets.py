"""Target expressions, written as clush users write them, evaluated by ClusterShell's NodeSet over the inventory."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property

from ClusterShell.NodeSet import NodeSet, NodeSetException
from ClusterShell.NodeUtils import GroupResolver, GroupResolverError, GroupSource

from fleetctl.errors import TargetError
from fleetctl.inventory.ranges import check_size
from fleetctl.nodes import fold

_OPERATORS = re.compile(r"([,&!^])(?![^\[]*\])")
_GLOB = re.compile(r"[*?]")
_SHOWN = 8


class Targets:
    """Selects among host names.

    Args:
        names: all hosts, in inventory order.
        groups: the hosts of each group.
        tags: the hosts of each tag.
        variables: the hosts of each `name=value`.
    """

    def __init__(
        self,
        names: Iterable[str],
        groups: Mapping[str, Iterable[str]],
        tags: Callable[[], Mapping[str, Iterable[str]]],
        variables: Callable[[], Mapping[str, Iterable[str]]],
    ) -> None:
        self._order = {name: place for place, name in enumerate(names)}
        self._groups = groups
        self._kinds = {
            "group": lambda: groups,
            "tag": tags,
            "var": variables,
        }

    def select(self, expression: str) -> list[str]:
        """The hosts an expression stands for, in inventory order.

        Raises: TargetError when it cannot be read, names what does not exist, or selects nothing.
        """
        chosen = self._evaluate(self._with_groups_marked(expression))
        unknown = [name for name in chosen if name not in self._order]
        if unknown:
            raise self._unknown_hosts(expression, unknown)
        if not chosen:
            raise TargetError(self._why_nothing(expression), hint="`fleetctl hosts` lists what there is")
        return sorted(chosen, key=self._order.__getitem__)

    def _evaluate(self, expression: str) -> list[str]:
        if "[" in expression and _GLOB.search(expression):
            self._refuse_globbed_ranges(expression)
        try:
            check_size(expression)
            return list(NodeSet(expression, resolver=self._resolver))
        except ValueError as error:
            raise TargetError(f"target {expression!r}: {error}") from error
        except (NodeSetException, GroupResolverError) as error:
            raise TargetError(f"target {expression!r} cannot be read: {error}", hint="see docs/targeting.md") from error

    def _with_groups_marked(self, expression: str) -> str:
        """A bare group name works as @name, where no host is called so."""
        parts = _OPERATORS.split(expression)
        marked = [f"@{p.strip()}" if p.strip() in self._groups and p.strip() not in self._order else p for p in parts]
        return "".join(marked)

    @cached_property
    def _resolver(self) -> GroupResolver:
        resolver = GroupResolver(default_source=_Source("group", self._kinds["group"], self._fold_all))
        for kind in ("tag", "var"):
            resolver.add_source(_Source(kind, self._kinds[kind], self._fold_all))
        return resolver

    def _fold_all(self) -> str:
        return fold(self._order)

    def _why_nothing(self, expression: str) -> str:
        for part in _OPERATORS.split(expression)[::2]:
            term = part.strip()
            if term and not self._evaluate(self._with_groups_marked(term)):
                return f"target {expression!r}: {term!r} selects no host"
        if not expression.strip():
            return "the target is empty"
        return f"target {expression!r}: nothing is left when its parts are put together"

    def _unknown_hosts(self, expression: str, unknown: list[str]) -> TargetError:
        near = [n for name in unknown[:3] for n in difflib.get_close_matches(name, [*self._order, *self._groups], 1)]
        shown = fold(unknown)
        meant = f"; did you mean {', '.join(dict.fromkeys(near))}?" if near else ""
        hint = "hosts outside the inventory are named with -H"
        return TargetError(f"target {expression!r}: no such host or group: {shown}{meant}", hint=hint)

    def _refuse_globbed_ranges(self, expression: str) -> None:
        for part in _OPERATORS.split(expression)[::2]:
            if "[" in part and _GLOB.search(part):
                raise TargetError(f"target {part!r}: a range and a wildcard do not go together", hint="use one of them")


class _Source(GroupSource):  # type: ignore[misc]  # ClusterShell ships no types
    """Lets NodeSet ask for the hosts of `@name`; see ClusterShell/NodeUtils.py."""

    def __init__(
        self, name: str, hosts_by_name: Callable[[], Mapping[str, Iterable[str]]], every: Callable[[], str]
    ) -> None:
        super().__init__(name, {})
        self.has_reverse = False
        self._hosts_by_name = hosts_by_name
        self._every = every

    def resolv_map(self, group: str) -> str:
        known = self._hosts_by_name()
        if group in known:
            hosts = list(known[group])
            return fold(hosts) if hosts else ""
        raise self._unknown(group, known)

    def resolv_list(self) -> list[str]:
        return list(self._hosts_by_name())

    def resolv_all(self) -> str:
        return self._every()

    def _unknown(self, group: str, known: Mapping[str, Iterable[str]]) -> TargetError:
        near = difflib.get_close_matches(group, list(known), 1)
        some = ", ".join(list(known)[:_SHOWN]) + (", …" if len(known) > _SHOWN else "")
        meant = f"did you mean {near[0]}?" if near else f"there are: {some}" if known else "there are none"
        said = {"group": f"there is no group {group!r}", "tag": f"no host has the tag {group!r}"}
        return TargetError(f"{said.get(self.name, f'no host has the variable {group!r}')}; {meant}")
