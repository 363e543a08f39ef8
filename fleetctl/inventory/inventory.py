"""The inventory as a whole: load files, select hosts, resolve every setting of a host, explain where it came from."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import platformdirs

from fleetctl.errors import InventoryError, Problem, SecretError, TargetError, UsageError
from fleetctl.inventory.adhoc import AdhocHost, parse_adhoc
from fleetctl.inventory.document import Document
from fleetctl.inventory.jumps import Jumps
from fleetctl.inventory.levels import Given, Level, Levels
from fleetctl.inventory.membership import Membership
from fleetctl.inventory.precedence import BUILT_IN, COMMAND_LINE, Overrides, Precedence
from fleetctl.inventory.reading import add
from fleetctl.inventory.records import Records
from fleetctl.inventory.secrets.exposure import hidden_variables, plain_secrets, several_commands
from fleetctl.inventory.secrets.providers import from_command
from fleetctl.inventory.secrets.references import Resolver, Secrets, Wish, Wishes
from fleetctl.inventory.secrets.vault_place import VaultPlace
from fleetctl.inventory.ssh_config import Source, SshConfig
from fleetctl.inventory.targets import Recall, Targets, plain
from fleetctl.inventory.types import SECRETS, SecretRef
from fleetctl.model import Answer, Host, Secret
from fleetctl.nodes import fold

_EMPTY: tuple[Any, ...] = ("", (), {})


class Setting(msgspec.Struct, frozen=True):
    """One setting of a host: its value as text, secrets masked, and where it came from."""

    key: str
    value: str
    source: str


class Inventory:
    """Hosts by name, with groups, tags and settings. Immutable once loaded.

    Args:
        recall: the hosts of earlier runs, for targets that name them.
        warn: takes a sentence on those that are hosts no more.
    """

    def __init__(
        self,
        levels: Levels,
        ssh_config: SshConfig,
        recall: Recall | None = None,
        warn: Callable[[str], None] | None = None,
    ) -> None:
        self._levels = levels
        self._ssh_config = ssh_config
        self._past = (recall, warn)
        self._membership = Membership(levels.groups)
        self._precedence = Precedence(levels, self._membership, ssh_config)
        self._jumps = Jumps(self._precedence, levels.hosts)
        members = self._membership.members(levels.hosts)
        self._targets = Targets(levels.hosts, members, self._tags, self._variables, recall, warn)

    @property
    def names(self) -> tuple[str, ...]:
        """All hosts, in inventory order."""
        return tuple(self._levels.hosts)

    @property
    def group_names(self) -> tuple[str, ...]:
        return tuple(self._levels.groups)

    @property
    def default_target(self) -> str:
        return self._levels.default_target.value if self._levels.default_target else ""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Files with plain secrets that others can read, each told with its first place."""
        return plain_secrets(self._levels)

    @property
    def hidden_variables(self) -> frozenset[str]:
        """The names of environment variables that hold secrets, which no child process is to see."""
        return hidden_variables(self._levels)

    def problems(self) -> list[Problem]:
        """What is wrong between levels: groups that contradict or contain each other, jumps and targets to nowhere."""
        between = self._membership.problems() + self._precedence.problems() + self._jumps.problems()
        return between or self._problems_of_target(self._levels.default_target)

    def select(self, *targets: str, exclude: Sequence[str] = ()) -> list[str]:
        """The hosts that any of some expressions selects, in inventory order.

        Args:
            targets: the expressions; without any, the default target, or all hosts.
            exclude: expressions of hosts to leave out.

        Raises: TargetError when an expression is wrong or selects nothing, or nothing is left.
        """
        expressions = targets or tuple(filter(None, [self.default_target]))
        if not self._levels.hosts:
            raise TargetError("the inventory has no hosts", hint="add some under `hosts` or `groups`, or use -H")
        chosen = set().union(*map(self._targets.select, expressions)) if expressions else self._levels.hosts.keys()
        left_out = set().union(*map(self._targets.named, exclude))
        kept = [name for name in self._levels.hosts if name in chosen and name not in left_out]
        if not kept:
            selects = f"{','.join(expressions)!r} selects" if expressions else "there is"
            raise TargetError(f"nothing is left: {','.join(exclude)!r} excludes all that {selects}")
        return kept

    def hosts(
        self,
        names: Iterable[str],
        overrides: Overrides | None = None,
        ask: Callable[[str], Secret] | None = None,
        vault: VaultPlace | None = None,
    ) -> list[Host]:
        """Hosts with every setting resolved, secrets fetched for these alone.

        Raises: SecretError with every reference that cannot be resolved; SshConfigError; InventoryError when
            ssh_config leads to a host in a circle.
        """
        wanted = list(names)
        secrets = Secrets(ask, self.hidden_variables, vault)
        if several_commands(self._levels):
            secrets.run_commands(self._wishes(wanted, overrides))
        return self._made(wanted, overrides, secrets, secrets)

    def places(self, names: Iterable[str], overrides: Overrides | None = None) -> list[Host]:
        """Hosts without passwords and passphrases, for what needs no login: nothing is fetched, nobody asked."""
        return self._made(names, overrides, None, None)

    def strangers(
        self,
        names: Iterable[str],
        overrides: Overrides | None = None,
        ask: Callable[[str], Secret] | None = None,
        vault: VaultPlace | None = None,
    ) -> list[Host]:
        """Hosts without secrets of their own, but with those of the bastions on the way to them.

        Raises: SecretError.
        """
        return self._made(names, overrides, None, Secrets(ask, self.hidden_variables, vault))

    def run_answer(self, answer: Answer) -> Secret:
        """What the command of an answer says; run anew each time. Raises: SecretError."""
        return from_command(answer.command, Path(answer.directory), self.hidden_variables)

    def explain(self, name: str) -> list[Setting]:
        """The settings of a host, its tags and its groups; what is empty, and nobody has said so, is left out.

        Raises: TargetError when there is no such host; SshConfigError.
        """
        only = self._one(name)
        effective = self._precedence.of(only)
        told = {key: one for key, one in effective.settings.items() if one.level != BUILT_IN or one.value not in _EMPTY}
        settings = {"address": Given(only, "the host's name")} | told
        lines = [Setting(key, _shown(key, given.value), given.source) for key, given in sorted(settings.items())]
        lines += [Setting("tag", tag, given.source) for tag, given in sorted(effective.tags.items())]
        return lines + [Setting("group", group, "") for group in self._membership.of(only)]

    def with_hosts(self, specs: Sequence[str]) -> Inventory:
        """This inventory with hosts named on the command line as `[user@]host[:port]`.

        A host of the inventory may be named too: its settings hold, but for what is said here. One that is a bastion
        of the defaults is reached without itself.
        Raises: UsageError when one cannot be read, or two name one host differently; InventoryError when jumps now go
            in a circle.
        """
        hosts: dict[str, AdhocHost] = {}
        for said in map(parse_adhoc, specs):
            if hosts.setdefault(said.name, said) != said:
                hint = f"give each a name in an inventory: hosts: {{one: {{address: {said.address}, port: …}}, …}}"
                raise UsageError(f"-H names {said.name} twice, with different users or ports", hint=hint)
        named = {name: self._adhoc_level(said) for name, said in hosts.items()}
        levels = msgspec.structs.replace(self._levels, hosts=self._levels.hosts | named)
        inventory = Inventory(levels, self._ssh_config, *self._past)
        if problems := inventory._jumps.problems():
            raise InventoryError(problems)
        return inventory

    def _adhoc_level(self, said: AdhocHost) -> Level:
        values = {"user": said.user, "port": said.port}
        settings = {key: Given(value, COMMAND_LINE) for key, value in values.items() if value is not None}
        if (known := self._levels.hosts.get(said.name)) is not None:
            return msgspec.structs.replace(known, settings=known.settings | settings)
        if (jump := self._levels.defaults.settings.get("jump")) is not None:
            settings["jump"] = msgspec.structs.replace(jump, value=self._jumps.up_to(said.name, jump.value))
        return Level(f"host {said.name}", settings)

    def _problems_of_target(self, default: Given | None) -> list[Problem]:
        if default is None or not default.value:
            return []
        try:
            self._targets.select(default.value)
        except TargetError as error:
            return [default.problem(error.message)]
        return []

    def _wishes(self, names: Iterable[str], overrides: Overrides | None) -> Iterable[Wish]:
        wishes = Wishes()
        with suppress(SecretError):  # it arises again, with those of the wishes that are not granted
            self._made(names, overrides, wishes, wishes)
        return wishes.heard

    def _made(
        self, names: Iterable[str], overrides: Overrides | None, secrets: Resolver | None, on_the_way: Resolver | None
    ) -> list[Host]:
        chosen = overrides or Overrides()
        records = Records(self._precedence, self._membership, self._jumps, chosen, secrets, on_the_way)
        made: list[Host] = []
        failures: dict[SecretError, list[str]] = {}
        for name in names:
            try:
                made.append(records.make(name))
            except SecretError as error:
                failures.setdefault(error, []).append(name)
        if failures:
            told = "\n".join(f"{fold(hosts)}: {error.message}" for error, hosts in failures.items())
            raise SecretError(told, hint=next(iter(failures)).hint)
        return made

    def _one(self, name: str) -> str:
        found = self._targets.select(name)
        if len(found) != 1:
            raise TargetError(f"{name!r} is {len(found)} hosts, and one is wanted")
        return found[0]

    def _tags(self) -> Mapping[str, Iterable[str]]:
        tags: dict[str, list[str]] = {}
        for name in self._levels.hosts:
            for tag in self._precedence.stated(name).tags:
                tags.setdefault(tag, []).append(name)
        return tags

    def _variables(self) -> Mapping[str, Iterable[str]]:
        found: dict[str, list[str]] = {}
        for name in self._levels.hosts:
            for key, given in self._precedence.stated(name).settings.items():
                if key.startswith("vars."):
                    found.setdefault(f"{key[5:]}={plain(given.value)}", []).append(name)
        return found


def load(
    paths: Sequence[Path],
    ssh_config: Sequence[Source] = (),
    warn: Callable[[str], None] | None = None,
    recall: Recall | None = None,
) -> Inventory:
    """The inventory of several files, put together. No file at all is an inventory without hosts.

    Args:
        ssh_config: files whose settings hold where the inventory gives none, as `ssh_config_sources` finds them. They
            are read when the first host is resolved.
        warn: takes a sentence on each of their directives that counts for a resolved host and is not honoured.
        recall: the hosts of earlier runs, for targets that name them; asked only when one does.

    Raises: InventoryError with every problem of every file.
    """
    levels = Levels()
    problems = []
    for path in paths:
        document = Document(path)
        add(document, levels)
        problems += document.problems
    inventory = Inventory(levels, SshConfig(ssh_config, hidden_variables(levels), warn), recall, warn)
    problems += inventory.problems()
    if problems:
        order = {path: place for place, path in enumerate(paths)}
        raise InventoryError(sorted(problems, key=lambda problem: (order[problem.file], problem.line)))
    return inventory


def find_default() -> list[Path]:
    """The files to load when none is named: $FLEETCTL_INVENTORY, else ./inventory.yaml, else the user's own."""
    named = os.environ.get("FLEETCTL_INVENTORY", "")
    if named:
        return [Path(part) for part in named.split(os.pathsep) if part]
    here = Path("inventory.yaml")
    own = platformdirs.user_config_path("fleetctl") / "inventory.yaml"
    return next(([path] for path in (here, own) if path.is_file()), [])


def _shown(key: str, value: Any) -> str:
    if key not in SECRETS:
        return plain(value)
    if isinstance(value, dict):
        return ", ".join(f"{prompt}: {_masked(one)}" for prompt, one in value.items())
    return _masked(value)


def _masked(value: Any) -> str:
    return str(value) if isinstance(value, SecretRef) else "***"
