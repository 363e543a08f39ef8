"""The inventory as a whole: load files, select hosts, resolve every setting of a host, explain where it came from."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import platformdirs

from fleetctl.errors import InventoryError, Problem, TargetError
from fleetctl.inventory.adhoc import AdhocHost, parse_adhoc
from fleetctl.inventory.document import Document
from fleetctl.inventory.jumps import Jumps
from fleetctl.inventory.levels import Given, Level, Levels, add
from fleetctl.inventory.precedence import Effective, Overrides, Precedence
from fleetctl.inventory.secrets import Secrets, others_may
from fleetctl.inventory.targets import Targets
from fleetctl.inventory.types import SecretRef
from fleetctl.model import Host, Login, Secret

_SECRETS = ("key_passphrase", "password")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a host: its value as text, secrets masked, and where it came from."""

    key: str
    value: str
    source: str


class Inventory:
    """Hosts by name, with groups, tags and settings. Immutable once loaded."""

    def __init__(self, levels: Levels) -> None:
        self._levels = levels
        self._precedence = Precedence(levels)
        self._jumps = Jumps(self._precedence, levels.hosts)
        self._members = self._precedence.members()
        self._targets = Targets(levels.hosts, self._members, self._tags, self._variables)

    @property
    def names(self) -> tuple[str, ...]:
        """All hosts, in inventory order."""
        return tuple(self._levels.hosts)

    @property
    def group_names(self) -> tuple[str, ...]:
        return tuple(self._levels.groups)

    @property
    def default_target(self) -> str:
        return self._levels.default_target

    @property
    def warnings(self) -> tuple[str, ...]:
        """Plain secrets in files that others can read."""
        return tuple(self._exposed())

    def problems(self) -> list[Problem]:
        """What is wrong between levels: groups that contradict or contain each other, jumps to nowhere."""
        return self._precedence.problems + self._jumps.problems()

    def select(self, target: str = "", exclude: str = "") -> list[str]:
        """The hosts that an expression selects, in inventory order.

        Args:
            target: the expression; "" is the default target, or all hosts.
            exclude: hosts to leave out.

        Raises: TargetError when an expression is wrong or nothing is selected.
        """
        expression = target or self.default_target
        if not self._levels.hosts:
            raise TargetError("the inventory has no hosts", hint="add some under `hosts` or `groups`, or use -H")
        chosen = self._targets.select(expression) if expression else list(self._levels.hosts)
        if not exclude:
            return chosen
        left_out = set(self._targets.select(exclude))
        kept = [name for name in chosen if name not in left_out]
        if not kept:
            raise TargetError(f"nothing is left: {exclude!r} excludes all that {expression or 'all hosts'!r} selects")
        return kept

    def hosts(
        self, names: Iterable[str], overrides: Overrides | None = None, ask: Callable[[str], Secret] | None = None
    ) -> list[Host]:
        """Hosts with every setting resolved, secrets fetched for these alone.

        Raises: SecretError.
        """
        maker = _HostMaker(self, overrides or Overrides(), Secrets(ask))
        return [maker.make(name) for name in names]

    def explain(self, name: str, overrides: Overrides | None = None) -> list[Setting]:
        """Every setting of a host. Raises: TargetError when there is no such host."""
        (only,) = self._one(name)
        effective = self._precedence.of(only)
        settings = {**effective.settings, **(overrides or Overrides()).given()}
        settings.setdefault("address", Given(only, "the host's name"))
        lines = [Setting(key, _shown(key, given.value), given.source) for key, given in sorted(settings.items())]
        lines += [Setting("tag", tag, given.source) for tag, given in sorted(effective.tags.items())]
        return lines + [Setting("group", group, "") for group in self._precedence.groups_of(only)]

    def with_hosts(self, specs: Sequence[str]) -> Inventory:
        """This inventory with hosts named on the command line as `[user@]host[:port]`.

        A host of the inventory may be named too: its settings hold, but for what is said here.
        Raises: UsageError when one cannot be read.
        """
        added = map(parse_adhoc, specs)
        hosts = dict(self._levels.hosts)
        for host in added:
            hosts[host.name] = _adhoc_level(host, hosts.get(host.name))
        return Inventory(replace(self._levels, hosts=hosts))

    def effective(self, name: str) -> Effective:
        return self._precedence.of(name)

    def groups_of(self, name: str) -> tuple[str, ...]:
        return self._precedence.groups_of(name)

    @property
    def jumps(self) -> Jumps:
        return self._jumps

    def _one(self, name: str) -> list[str]:
        found = self._targets.select(name)
        if len(found) != 1:
            raise TargetError(f"{name!r} is {len(found)} hosts, and one is wanted")
        return found

    def _tags(self) -> Mapping[str, Iterable[str]]:
        tags: dict[str, list[str]] = {}
        for name in self._levels.hosts:
            for tag in self._precedence.of(name).tags:
                tags.setdefault(tag, []).append(name)
        return tags

    def _variables(self) -> Mapping[str, Iterable[str]]:
        found: dict[str, list[str]] = {}
        for name in self._levels.hosts:
            for key, given in self._precedence.of(name).settings.items():
                if key.startswith("vars."):
                    found.setdefault(f"{key[5:]}={_plain(given.value)}", []).append(name)
        return found

    def _exposed(self) -> Iterator[str]:
        levels: list[Level] = [self._levels.defaults, *self._levels.groups.values(), *self._levels.hosts.values()]
        plain = {given: None for level in levels for key in _SECRETS if (given := level.settings.get(key))}
        for given in plain:
            if isinstance(given.value, str) and given.file and others_may(given.file, stat.S_IRGRP | stat.S_IROTH):
                yield f"{given.source}: a plain secret in a file that others can read: chmod 600, or use {{env: NAME}}"


class _HostMaker:
    """Builds Host records; hosts that log in alike share one Login."""

    def __init__(self, inventory: Inventory, overrides: Overrides, secrets: Secrets) -> None:
        self._inventory = inventory
        self._overrides = overrides.given()
        self._secrets = secrets
        self._logins: dict[Login, Login] = {}

    def make(self, name: str) -> Host:
        effective = self._inventory.effective(name)
        settings = {**effective.settings, **self._overrides} if self._overrides else effective.settings
        value = {key: given.value for key, given in settings.items()}
        login = Login(
            value["user"],
            tuple(value["keys"]),
            self._secret(name, settings.get("key_passphrase")),
            self._secret(name, settings.get("password")),
            value["agent"],
        )
        return Host(
            name=name,
            address=value.get("address", name),
            login=self._logins.setdefault(login, login),
            port=value["port"],
            jump=self._inventory.jumps.of(name),
            known_hosts=value["known_hosts"],
            host_key_policy=value["host_key_policy"],
            connect_timeout=value["connect_timeout"],
            env={key[4:]: text for key, text in value.items() if key.startswith("env.")},
            vars={key[5:]: one for key, one in value.items() if key.startswith("vars.")},
            tags=tuple(effective.tags),
            groups=self._inventory.groups_of(name),
        )

    def _secret(self, name: str, given: Given | None) -> Secret | None:
        if given is None:
            return None
        return self._secrets.resolve(given, name)


def load(paths: Sequence[Path]) -> Inventory:
    """The inventory of several files, put together. No file at all is an inventory without hosts.

    Raises: InventoryError with every problem of every file.
    """
    levels = Levels()
    problems = []
    for path in paths:
        document = Document(path)
        add(document, levels)
        problems += document.problems
    inventory = Inventory(levels)
    problems += _missing_children(levels) + inventory.problems()
    if problems:
        raise InventoryError(sorted(problems, key=lambda problem: (str(problem.file), problem.line)))
    return inventory


def find_default() -> list[Path]:
    """The files to load when none is named: $FLEETCTL_INVENTORY, else ./inventory.yaml, else the user's own."""
    named = os.environ.get("FLEETCTL_INVENTORY", "")
    if named:
        return [Path(part) for part in named.split(os.pathsep) if part]
    here = Path("inventory.yaml")
    own = platformdirs.user_config_path("fleetctl") / "inventory.yaml"
    return next(([path] for path in (here, own) if path.is_file()), [])


def _missing_children(levels: Levels) -> list[Problem]:
    children = (child for group in levels.groups.values() for child in group.children.items())
    return [given.problem(f"no group {name!r}") for name, given in children if name not in levels.groups]


def _adhoc_level(host: AdhocHost, known: Level | None) -> Level:
    said = {"address": host.address if known is None else None, "user": host.user, "port": host.port}
    settings = {key: Given(value, "command line") for key, value in said.items() if value is not None}
    level = known or Level(f"host {host.name}")
    return replace(level, settings={**level.settings, **settings})


def _shown(key: str, value: Any) -> str:
    if key in _SECRETS:
        return str(value) if isinstance(value, SecretRef) else "***"
    return _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(map(_plain, value)) if isinstance(value, list | tuple) else str(value)
