"""Target expressions, written as clush users write them: sets of names, put together from left to right."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache
from typing import Any

from fleetctl.errors import TargetError
from fleetctl.inventory.mistakes import did_you_mean
from fleetctl.inventory.name_files import file_of, names_of, shown
from fleetctl.inventory.ranges import check_size
from fleetctl.nodes import FILE, expand, fold, parts

_OPERATIONS: dict[str, Callable[[set[str], set[str]], None]] = {
    ",": set.update,
    "&": set.intersection_update,
    "!": set.difference_update,
    "^": set.symmetric_difference_update,
}
_GLOB = re.compile(r"[*?]")
_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")
_SHOWN = 8
PAST = ("status", "run")
"""The kinds of terms that ask for hosts of earlier runs."""

Hosts = Mapping[str, Iterable[str]]
"""Host names by group, by tag, or by variable."""

Recall = Callable[[str, str], Collection[str]]
"""The hosts of an earlier run: `@status:failed` asks with "status" and "failed", `@run:ID:ok` with "run" and "ID:ok".
Raises TargetError or HistoryError where there is none such."""

Part = tuple[str, str, set[str]]
"""An operator, the term after it, and the hosts of that term."""


class Targets:
    """Selects among host names.

    Args:
        names: all hosts, in inventory order.
        groups: the hosts of each group.
        tags: the hosts of each tag.
        variables: the hosts of each `name=value`.
        recall: the hosts of earlier runs, some of which may be none of these names any more.
        warn: takes a sentence about those.
    """

    def __init__(
        self,
        names: Iterable[str],
        groups: Hosts,
        tags: Callable[[], Hosts],
        variables: Callable[[], Hosts],
        recall: Recall | None = None,
        warn: Callable[[str], None] | None = None,
    ) -> None:
        self._order = {name: place for place, name in enumerate(names)}
        self._groups = groups
        self._kinds: dict[str, Callable[[], Hosts]] = {
            "group": lambda: groups,
            "tag": cache(tags),
            "var": cache(variables),
        }
        self._recall = recall
        self._warn = warn
        self._recalled = cache(self._recalled_now)  # a target is looked at more than once

    def select(self, expression: str) -> list[str]:
        """The hosts an expression stands for, in inventory order.

        Raises: TargetError when it cannot be read, names what does not exist, or selects nothing, as a whole or in
            a part that was to add hosts.
        """
        found = self._parts(expression)
        _refuse(expression, [f"{term!r} selects no host" for term in _adding_nothing(found)])
        chosen = _put_together(found)
        if not chosen:
            whys = [f"{term!r} selects no host" for operator, term, hosts in found if operator == "&" and not hosts]
            _refuse(expression, [*whys, "nothing is left when its parts are put together"])
        return sorted(chosen, key=self._order.__getitem__)

    def named(self, expression: str) -> set[str]:
        """The hosts an expression stands for, perhaps none: a group may be empty today.

        Raises: TargetError when it cannot be read, names what does not exist, or has a wildcard that matches nothing.
        """
        found = self._parts(expression)
        wildcards = [term for term in _adding_nothing(found) if not term.startswith(("@", FILE))]
        _refuse(expression, [f"{term!r} selects no host" for term in wildcards])
        return _put_together(found)

    def _parts(self, expression: str) -> list[Part]:
        if not expression.strip():
            raise TargetError("the target is empty", hint="`fleetctl hosts` lists what there is")
        try:
            check_size(expression)
            return [(operator, term, self._hosts(term)) for operator, term in parts(expression)]
        except TargetError as error:
            raise TargetError(f"target {expression!r}: {error.message}", hint=error.hint) from error
        except ValueError as error:
            raise TargetError(f"target {expression!r} cannot be read: {error}", hint="see docs/targeting.md") from error

    def _hosts(self, term: str) -> set[str]:
        """The hosts of one term: a bare group name works as @name, where no host is called so."""
        if term.startswith("@"):
            return self._grouped(term)
        if term.startswith(FILE):
            return self._filed(file_of(term))
        if _GLOB.search(term):
            if "[" in term:
                raise TargetError(f"{term!r}: a range and a wildcard do not go together", hint="use one of them")
            return set(fnmatch.filter(self._order, term))
        if term in self._groups and term not in self._order:
            return set(self._groups[term])
        names = expand(term)
        unknown = [name for name in names if name not in self._order]
        if unknown:
            hint = "hosts outside the inventory are named with -H"
            raise TargetError(f"no such host or group: {fold(unknown)}{self._meant(unknown)}", hint=hint)
        return set(names)

    def _grouped(self, term: str) -> set[str]:
        """The hosts of `@group`, `@kind:name` or `@kind:*`; the name may hold a range."""
        if term.startswith("@@"):
            raise TargetError(f"{term!r}: a group is named with one @", hint="write @group, or @* for all hosts")
        kind, colon, name = term[1:].partition(":")
        if not colon:
            kind, name = "group", kind
        if kind in PAST:
            return self._recalled(kind, name)
        if kind not in self._kinds:
            hint = "write @group:…, @tag:…, @var:name=value, @status:failed or @run:ID"
            raise TargetError(f"there is no @{kind}:{did_you_mean(kind, [*self._kinds, *PAST])}", hint=hint)
        known = self._kinds[kind]()
        if name == "*":
            return set(self._order) if kind == "group" else set().union(*known.values())
        names = expand(name)
        for one in names:
            if one not in known:
                raise _unknown(kind, one, known)
        return set().union(*(known[one] for one in names))

    def _filed(self, file: str) -> set[str]:
        named = names_of(file)
        unknown = [name for name in named if name not in self._order]
        if unknown:
            hint = "hosts outside the inventory are named with -H"
            place = f"{shown(file)}:{named[unknown[0]]}"
            raise TargetError(f"{place}: no such host: {fold(unknown)}{self._meant(unknown)}", hint=hint)
        return set(named)

    def _recalled_now(self, kind: str, name: str) -> set[str]:
        if self._recall is None:
            raise TargetError(f"@{kind}:{name} cannot be used here", hint="it needs the history of runs")
        hosts = set(self._recall(kind, name))
        gone = hosts - self._order.keys()
        if gone and self._warn is not None:
            self._warn(f"@{kind}:{name}: no longer in the inventory, and left out: {fold(gone)}")
        return hosts - gone

    def _meant(self, unknown: list[str]) -> str:
        padded = {_ZEROS.sub("", name): name for name in self._order}
        for name in unknown:
            if (meant := padded.get(_ZEROS.sub("", name))) is not None:
                return f"; did you mean {meant}?"
        return did_you_mean(unknown[0], [*self._order, *self._groups])


def _adding_nothing(found: list[Part]) -> list[str]:
    """The terms that were to add hosts, and have none."""
    return [term for operator, term, hosts in found if operator == "," and not hosts]


def _put_together(found: list[Part]) -> set[str]:
    chosen: set[str] = set()
    for operator, _, hosts in found:
        _OPERATIONS[operator](chosen, hosts)
    return chosen


def _refuse(expression: str, whys: list[str]) -> None:
    """Raises: TargetError with the first of the reasons, when there is one."""
    if whys:
        is_past = whys[0].startswith(tuple(f"'@{kind}:" for kind in PAST))
        hint = "`fleetctl history` lists what there was" if is_past else "`fleetctl hosts` lists what there is"
        raise TargetError(f"target {expression!r}: {whys[0]}", hint=hint)


def _unknown(kind: str, name: str, known: Hosts) -> TargetError:
    some = ", ".join(list(known)[:_SHOWN]) + (", …" if len(known) > _SHOWN else "")
    meant = did_you_mean(name, known) or (f"; there are: {some}" if known else "; there are none")
    said = {"group": f"there is no group {name!r}", "tag": f"no host has the tag {name!r}"}
    return TargetError(f"{said.get(kind, f'no host has the variable {name!r}')}{meant}")


def plain(value: Any) -> str:
    """A setting's value as a person writes it, and as `@var:name=value` has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(map(plain, value)) if isinstance(value, list | tuple) else str(value)
