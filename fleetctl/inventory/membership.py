"""Which groups a host is in, how near each is, and which hosts a group has, its child groups' included."""

from __future__ import annotations

from collections.abc import Mapping

from fleetctl.errors import Problem
from fleetctl.inventory.levels import GroupLevel
from fleetctl.inventory.mistakes import did_you_mean

_MAX_DEPTH = 100

Groups = tuple[str, ...]


class Membership:
    """The groups of an inventory as a graph. Hosts that are listed by the same groups are worked out once."""

    def __init__(self, groups: Mapping[str, GroupLevel]) -> None:
        self._groups = groups
        self._parents = _parents(groups)
        self._listing = _listing(groups)
        self._rings: dict[Groups, list[Groups]] = {}

    def listing(self, host: str) -> Groups:
        """The groups that list a host themselves."""
        return self._listing.get(host, ())

    def rings(self, listing: Groups) -> list[Groups]:
        """The groups by their distance from a host: those that list it, then their parents, and so on."""
        if listing not in self._rings:
            self._rings[listing] = self._find_rings(listing)
        return self._rings[listing]

    def of(self, host: str) -> Groups:
        """All groups of a host, nearest first."""
        return tuple(group for ring in self.rings(self.listing(host)) for group in ring)

    def members(self, hosts: Mapping[str, object]) -> dict[str, list[str]]:
        """The hosts of each group, in the order of `hosts`."""
        members: dict[str, list[str]] = {group: [] for group in self._groups}
        for host in hosts:
            for ring in self.rings(self.listing(host)):
                for group in ring:
                    members[group].append(host)
        return members

    def problems(self) -> list[Problem]:
        """Child groups that do not exist, and groups that contain themselves."""
        found = [
            given.problem(f"no such group: {child}{did_you_mean(child, self._groups)}")
            for group in self._groups.values()
            for child, given in group.children.items()
            if child not in self._groups
        ]
        done: set[str] = set()
        for group in self._groups:
            self._walk(group, [], done, found)
        return found

    def _find_rings(self, listing: Groups) -> list[Groups]:
        rings: list[Groups] = []
        seen: set[str] = set()
        ring = listing
        while ring:
            rings.append(ring)
            seen.update(ring)
            above = dict.fromkeys(parent for group in ring for parent in self._parents.get(group, ()))
            ring = tuple(group for group in above if group not in seen)
        return rings

    def _walk(self, group: str, path: list[str], done: set[str], found: list[Problem]) -> None:
        if group in path:
            circle = " → ".join([*path[path.index(group) :], group])
            found.append(self._groups[path[-1]].children[group].problem(f"groups contain each other: {circle}"))
        elif len(path) > _MAX_DEPTH:
            deepest = self._groups[path[-1]].children[group]
            found.append(deepest.problem(f"groups are nested more than {_MAX_DEPTH} deep"))
        elif group in self._groups and group not in done:
            for child in self._groups[group].children:
                self._walk(child, [*path, group], done, found)
            done.add(group)


def _parents(groups: Mapping[str, GroupLevel]) -> dict[str, list[str]]:
    parents: dict[str, list[str]] = {}
    for name, group in groups.items():
        for child in group.children:
            parents.setdefault(child, []).append(name)
    return parents


def _listing(groups: Mapping[str, GroupLevel]) -> dict[str, Groups]:
    listing: dict[str, list[str]] = {}
    for name, group in groups.items():
        for host in group.hosts:
            listing.setdefault(host, []).append(name)
    return {host: tuple(names) for host, names in listing.items()}
