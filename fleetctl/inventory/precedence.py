"""Which setting wins: command line > host > nearest group > outer group > defaults > built-in."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from fleetctl.errors import Problem
from fleetctl.inventory.levels import Given, GroupLevel, Level, Levels
from fleetctl.model import HostKeyPolicy, Secret

_DEFAULT_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")


class Overrides(msgspec.Struct, frozen=True):
    """Settings of the command line; None where nothing was given. `connect_timeout` is in seconds."""

    user: str | None = None
    port: int | None = None
    keys: tuple[str, ...] | None = None
    password: Secret | None = None
    host_key_policy: HostKeyPolicy | None = None
    known_hosts: tuple[str, ...] | None = None
    connect_timeout: float | None = None

    def given(self) -> dict[str, Given]:
        values = msgspec.structs.asdict(self).items()
        return {name: Given(value, "command line") for name, value in values if value is not None}


class Effective(msgspec.Struct, frozen=True):
    """What holds for a host or a set of groups: settings by name (`vars.role` per key) and tags."""

    settings: dict[str, Given]
    tags: dict[str, Given]

    def under(self, settings: dict[str, Given], tags: dict[str, Given]) -> Effective:
        return Effective({**self.settings, **settings}, {**self.tags, **tags})


class Precedence:
    """Resolves levels. What hosts with the same groups have in common is worked out once."""

    def __init__(self, levels: Levels) -> None:
        self.problems: list[Problem] = []
        self._levels = levels
        self._parents = _parents(levels.groups)
        self._direct = _direct(levels.groups)
        self._by_groups: dict[tuple[str, ...], Effective] = {}
        self._base = built_in().under(levels.defaults.settings, levels.defaults.tags)
        self._find_cycles()
        for groups in dict.fromkeys(self._direct.values()):
            self._of_groups(groups)

    def of(self, name: str) -> Effective:
        """All that holds for a host but the command line."""
        level = self._levels.hosts[name]
        return self._of_groups(self._direct.get(name, ())).under(level.settings, level.tags)

    def groups_of(self, name: str) -> tuple[str, ...]:
        """The groups a host is in, nearest first."""
        return tuple(group for ring in self._rings(self._direct.get(name, ())) for group in ring)

    def members(self) -> dict[str, list[str]]:
        """The hosts of each group, those of its children included."""
        members: dict[str, list[str]] = {group: [] for group in self._levels.groups}
        all_groups: dict[tuple[str, ...], tuple[str, ...]] = {}
        for name in self._levels.hosts:
            direct = self._direct.get(name, ())
            if direct not in all_groups:
                all_groups[direct] = self.groups_of(name)
            for group in all_groups[direct]:
                members[group].append(name)
        return members

    def _of_groups(self, direct: tuple[str, ...]) -> Effective:
        if direct not in self._by_groups:
            effective = self._base
            for ring in reversed(self._rings(direct)):
                levels = [self._levels.groups[group] for group in ring]
                settings = self._agreed(levels, direct)
                effective = effective.under(settings, {t: g for level in levels for t, g in level.tags.items()})
            self._by_groups[direct] = effective
        return self._by_groups[direct]

    def _agreed(self, levels: Iterable[Level], direct: tuple[str, ...]) -> dict[str, Given]:
        """The settings of groups at one distance, which must not contradict each other."""
        agreed: dict[str, Given] = {}
        for level in levels:
            for name, given in level.settings.items():
                other = agreed.setdefault(name, given)
                if other.value != given.value:
                    host = next(host for host, groups in self._direct.items() if groups == direct)
                    said = f"{other.source} and {given.source} disagree on {name} and are equally near to {host}"
                    self._complain(other.problem(said))
        return agreed

    def _rings(self, direct: tuple[str, ...]) -> list[list[str]]:
        """The groups by their distance from a host: those that list it, their parents, and so on."""
        rings: list[list[str]] = []
        seen: dict[str, None] = {}
        ring = list(direct)
        while ring:
            rings.append(ring)
            seen.update(dict.fromkeys(ring))
            above = dict.fromkeys(parent for group in ring for parent in self._parents.get(group, ()))
            ring = [group for group in above if group not in seen]
        return rings

    def _find_cycles(self) -> None:
        done: set[str] = set()
        for group in self._levels.groups:
            self._walk(group, [], done)

    def _walk(self, group: str, path: list[str], done: set[str]) -> None:
        if group in path:
            circle = " → ".join([*path[path.index(group) :], group])
            given = self._levels.groups[path[-1]].children[group]
            self._complain(given.problem(f"groups contain each other: {circle}"))
        elif group in self._levels.groups and group not in done:
            for child in self._levels.groups[group].children:
                self._walk(child, [*path, group], done)
            done.add(group)

    def _complain(self, problem: Problem) -> None:
        if problem not in self.problems:
            self.problems.append(problem)


def built_in() -> Effective:
    """What holds when nothing is said, as ssh has it."""
    ssh = Path.home() / ".ssh"
    values = {
        "port": 22,
        "user": getpass.getuser(),
        "keys": tuple(str(ssh / name) for name in _DEFAULT_KEYS if (ssh / name).is_file()),
        "agent": bool(os.environ.get("SSH_AUTH_SOCK")),
        "jump": (),
        "known_hosts": (str(ssh / "known_hosts"), "/etc/ssh/ssh_known_hosts"),
        "host_key_policy": HostKeyPolicy.STRICT,
        "connect_timeout": 10.0,
    }
    return Effective({name: Given(value, "built-in") for name, value in values.items()}, {})


def _parents(groups: dict[str, GroupLevel]) -> dict[str, list[str]]:
    parents: dict[str, list[str]] = {}
    for name, group in groups.items():
        for child in group.children:
            parents.setdefault(child, []).append(name)
    return parents


def _direct(groups: dict[str, GroupLevel]) -> dict[str, tuple[str, ...]]:
    direct: dict[str, tuple[str, ...]] = {}
    for name, group in groups.items():
        for host in group.hosts:
            direct[host] = (*direct.get(host, ()), name)
    return direct
