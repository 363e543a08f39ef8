"""Which setting wins: command line > host > nearest group > outer group > defaults > ssh_config > built-in."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from fleetctl.errors import Problem
from fleetctl.inventory.adhoc import AdhocHost, parse_adhoc
from fleetctl.inventory.levels import Given, Level, Levels
from fleetctl.inventory.membership import Groups, Membership
from fleetctl.inventory.ssh_config import Said, SshConfig, local_user
from fleetctl.model import AddressFamily, ElevationMethod, HostKeyPolicy, Secret

COMMAND_LINE = "command line"
BUILT_IN = "built-in"
_WAYS = {"jump", "proxy_command"}
"""Settings for one thing, so that who says one of them has said both."""

_DEFAULT_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")

Settings = dict[str, Given]


class Overrides(msgspec.Struct, frozen=True):
    """Settings of the command line; None where nothing was given. `connect_timeout` is in seconds.

    `jump` and what is about privileges, user, port and password are for the hosts themselves; the rest holds for the
    bastions on the way to them as well.
    """

    user: str | None = None
    port: int | None = None
    keys: tuple[str, ...] | None = None
    password: Secret | None = None
    host_key_policy: HostKeyPolicy | None = None
    known_hosts: tuple[str, ...] | None = None
    connect_timeout: float | None = None
    jump: tuple[str, ...] | None = None
    forward_agent: bool | None = None
    sudo: bool | None = None
    sudo_user: str | None = None
    sudo_method: ElevationMethod | None = None
    sudo_password: Secret | None = None
    sudo_for_steps: bool | None = None
    """Steps of a job may ask for another user's rights, whether all is done with them or not."""

    @property
    def on_the_way(self) -> Overrides:
        """Those of them that hold for bastions, too."""
        return Overrides(
            keys=self.keys,
            host_key_policy=self.host_key_policy,
            known_hosts=self.known_hosts,
            connect_timeout=self.connect_timeout,
        )

    def over(self, settings: Settings) -> Settings:
        """The settings with these on top, but for what was said of this very host on the command line."""
        values = msgspec.structs.asdict(self).items()
        given = {name: Given(value, COMMAND_LINE) for name, value in values if value is not None}
        if self.jump is not None:
            given["proxy_command"] = Given("", COMMAND_LINE)  # one way there, as with ssh -J
        if not given:
            return settings
        return settings | given | {name: one for name, one in settings.items() if one.level == COMMAND_LINE}


class Effective(msgspec.Struct, frozen=True):
    """What holds for a host or a set of groups: settings by name (`vars.role` per key) and tags."""

    settings: Settings
    tags: dict[str, Given]

    def under(self, settings: Settings, tags: dict[str, Given]) -> Effective:
        return Effective(self.settings | settings, self.tags | tags)


class Precedence:
    """Resolves levels. What hosts of the same groups have in common is worked out once."""

    def __init__(self, levels: Levels, membership: Membership, ssh_config: SshConfig) -> None:
        self._levels = levels
        self._membership = membership
        self._ssh_config = ssh_config
        self._built_in = built_in()
        self._by_groups: dict[Groups, Effective] = {}
        self._disputes: dict[Groups, dict[str, tuple[Given, Given]]] = {}

    def of(self, name: str, line: Overrides | None = None) -> Effective:
        """All that holds for a host but the command line's overrides.

        Args:
            line: these; ssh_config may say one thing or the other depending on the user or the port.

        Raises: SshConfigError.
        """
        stated = self.stated(name)
        return Effective(self._whole(name, stated.settings, line or Overrides()), stated.tags)

    def stated(self, name: str) -> Effective:
        """What the inventory says of a host, and nobody else."""
        level = self._levels.hosts[name]
        return self._common(name).under(level.settings, level.tags)

    def has_alias(self, name: str) -> bool:
        """Whether ssh_config has something to say of just this host."""
        return self._ssh_config.names(name)

    def bastion(self, word: str, line: Overrides | None = None) -> tuple[str, Settings]:
        """The name and the settings of a word of a `jump`: a host, or `[user@]host[:port]` with a host before `:`.

        The way to one that is no host of the inventory can only be ssh_config's: the defaults' own goes through it.

        Raises: SshConfigError.
        """
        hosts = self._levels.hosts
        said = AdhocHost(word) if word in hosts else parse_adhoc(word)
        if said.name in hosts:
            stated = self.stated(said.name).settings
        else:
            stated = {key: given for key, given in self._levels.defaults.settings.items() if key != "jump"}
        values = {"user": said.user, "port": said.port}
        stated = stated | {key: Given(value, "jump") for key, value in values.items() if value is not None}
        return said.name, self._whole(said.name, stated, line or Overrides())

    def stated_jump(self, name: str) -> Given:
        """The bastions that the inventory gives a host."""
        stated = self._levels.hosts[name].settings.get("jump") or self._common(name).settings.get("jump")
        return stated or self._built_in.settings["jump"]

    def _whole(self, name: str, stated: Settings, line: Overrides) -> Settings:
        """What is built in, under what ssh_config says, under what was stated nearer."""
        nearer = line.over(stated)
        said = Said(**{key: nearer[key].value for key in Said.__struct_fields__ if key in nearer})
        found = self._ssh_config.settings(name, said)
        if found and not stated.keys().isdisjoint(_WAYS):
            found = {key: given for key, given in found.items() if key not in _WAYS}
        return self._built_in.settings | found | stated

    def problems(self) -> list[Problem]:
        """Groups that contradict each other at the same distance, where nothing nearer decides."""
        found: dict[tuple[str, str, str], Problem] = {}
        for name, level in self._levels.hosts.items():
            self._common(name)
            for key, (one, other) in self._disputes[self._membership.listing(name)].items():
                if key not in level.settings:
                    found.setdefault((one.source, other.source, key), _disagreement(name, one, other))
        return list(found.values())

    def _common(self, name: str) -> Effective:
        listing = self._membership.listing(name)
        if listing not in self._by_groups:
            self._combine(listing)
        return self._by_groups[listing]

    def _combine(self, listing: Groups) -> None:
        effective = Effective(self._levels.defaults.settings, self._levels.defaults.tags)
        open_disputes: dict[str, tuple[Given, Given]] = {}
        for ring in reversed(self._membership.rings(listing)):
            levels = [self._levels.groups[group] for group in ring]
            settings, disputes = _together(levels)
            effective = effective.under(settings, {tag: given for level in levels for tag, given in level.tags.items()})
            for key in settings:
                open_disputes.pop(key, None)
            open_disputes |= disputes
        self._by_groups[listing] = effective
        self._disputes[listing] = open_disputes


def _together(levels: Iterable[Level]) -> tuple[Settings, dict[str, tuple[Given, Given]]]:
    """The settings of groups at one distance, and those on which two of them disagree."""
    settings: Settings = {}
    disputes: dict[str, tuple[Given, Given]] = {}
    for level in levels:
        for key, given in level.settings.items():
            first = settings.setdefault(key, given)
            if first.value != given.value:
                disputes.setdefault(key, (first, given))
    return settings, disputes


def _disagreement(host: str, one: Given, other: Given) -> Problem:
    return one.problem(
        f"{one.level} and {other.level} ({other.file}:{other.line}) disagree, and both are equally near to {host}: "
        "set it in a nearer group or on the host"
    )


def built_in() -> Effective:
    """What holds when nothing is said, as ssh has it."""
    ssh = Path.home() / ".ssh"
    values = {
        "port": 22,
        "user": local_user(),
        "keys": tuple(str(ssh / name) for name in _DEFAULT_KEYS if (ssh / name).is_file()),
        "agent": bool(os.environ.get("SSH_AUTH_SOCK")),
        "agent_socket": "",
        "certificates": (),
        "identities_only": False,
        "forward_agent": False,
        "answers": {},
        "jump": (),
        "proxy_command": "",
        "known_hosts": (str(ssh / "known_hosts"), "/etc/ssh/ssh_known_hosts"),
        "host_key_policy": HostKeyPolicy.STRICT,
        "host_key_alias": "",
        "connect_timeout": 10.0,
        "address_family": AddressFamily.ANY,
        "bind_address": "",
        "keepalive": 30.0,
        "keepalive_count": 3,
        "ciphers": (),
        "key_exchanges": (),
        "macs": (),
        "host_keys": (),
        "public_keys": (),
        "sudo": False,
        "sudo_user": "root",
        "sudo_method": ElevationMethod.SUDO,
    }
    return Effective({name: Given(value, BUILT_IN) for name, value in values.items()}, {})
