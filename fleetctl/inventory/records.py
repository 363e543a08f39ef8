"""From the settings that hold for a host to its Host record, secrets fetched, and to the records of its bastions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fleetctl.errors import InventoryError, SecretError
from fleetctl.inventory.jumps import Jumps
from fleetctl.inventory.levels import Given
from fleetctl.inventory.membership import Membership
from fleetctl.inventory.precedence import Overrides, Precedence, Settings
from fleetctl.inventory.secrets.providers import check_commands_of
from fleetctl.inventory.secrets.references import Resolver
from fleetctl.inventory.ssh_config import Tokens, expand_command
from fleetctl.inventory.types import SecretRef
from fleetctl.model import Algorithms, Answer, Elevation, Hop, Host, Login, Secret


class Records:
    """Makes Host records; hosts that log in alike share one Login, and hosts behind one bastion its Hop.

    Args:
        secrets: where passwords and passphrases of hosts come from; None leaves them out.
        on_the_way: likewise for bastions.
    """

    def __init__(
        self,
        precedence: Precedence,
        membership: Membership,
        jumps: Jumps,
        overrides: Overrides,
        secrets: Resolver | None,
        on_the_way: Resolver | None,
    ) -> None:
        self._precedence = precedence
        self._membership = membership
        self._jumps = jumps
        self._overrides = overrides
        self._secrets = secrets
        self._on_the_way = on_the_way
        self._logins: dict[Login, Login] = {}
        self._hops: dict[str, Hop] = {}

    def make(self, name: str) -> Host:
        """Raises: SecretError, SshConfigError, InventoryError when ssh_config leads in a circle."""
        effective = self._precedence.of(name, self._overrides)
        settings = self._overrides.over(effective.settings)
        value = {key: given.value for key, given in settings.items()}
        return Host(
            **self._connection(name, settings, self._secrets),
            jump=tuple(map(self._hop, self._jumps.through(name, settings["jump"]))),
            elevation=_elevation(settings, self._secrets) if value["sudo"] else None,
            rights=_elevation(settings, self._secrets) if value.get("sudo_for_steps") else None,
            forward_agent=value["forward_agent"],
            send_env=_by_key("send_env.", value),
            env=_by_key("env.", value),
            vars=_by_key("vars.", value),
            tags=tuple(effective.tags),
            groups=self._membership.of(name),
        )

    def _hop(self, word: str) -> Hop:
        if word not in self._hops:
            name, settings = self._precedence.bastion(word, self._overrides.on_the_way)
            self._hops[word] = Hop(
                **self._connection(name, self._overrides.on_the_way.over(settings), self._on_the_way)
            )
        return self._hops[word]

    def _connection(self, name: str, settings: Settings, secrets: Resolver | None) -> dict[str, Any]:
        """The fields of a Hop."""
        value = {key: given.value for key, given in settings.items()}
        alike = (
            "port", "known_hosts", "host_key_policy", "host_key_alias", "connect_timeout", "address_family",
            "bind_address", "keepalive", "keepalive_count",
        )  # fmt: skip
        address = value.get("address", name)
        tokens = Tokens(name, address, value["port"], value["user"], value["host_key_alias"])
        return {
            "name": name,
            "address": address,
            "proxy_command": _proxy_command(settings, tokens),
            "login": self._login(settings, secrets),
            "algorithms": Algorithms(**{key: value[key] for key in Algorithms.__struct_fields__}),
            **{key: value[key] for key in alike},
        }

    def _login(self, settings: Settings, secrets: Resolver | None) -> Login:
        value = {key: given.value for key, given in settings.items()}
        login = Login(
            user=value["user"],
            keys=value["keys"],
            key_passphrase=_secret(settings, "key_passphrase", secrets),
            password=_secret(settings, "password", secrets),
            agent=value["agent"],
            agent_socket=value["agent_socket"],
            certificates=value["certificates"],
            identities_only=value["identities_only"],
            answers=_answers(settings["answers"], secrets),
        )
        return self._logins.setdefault(login, login)


def _answers(given: Given, secrets: Resolver | None) -> tuple[Answer, ...]:
    return tuple(_answer(prompt, given, source, secrets) for prompt, source in given.value.items())


def _answer(prompt: str, given: Given, source: str | SecretRef, secrets: Resolver | None) -> Answer:
    if isinstance(source, SecretRef) and source.command:
        if given.file:
            check_commands_of(given.file)
        return Answer(prompt, command=source.command, directory=str(given.file.parent) if given.file else "")
    one = Given(source, given.level, given.file, given.line, given.path)
    return Answer(prompt, None if secrets is None else secrets.resolve(one))


def _elevation(settings: Settings, secrets: Resolver | None) -> Elevation:
    password = _secret(settings, "sudo_password", secrets)
    return Elevation(settings["sudo_method"].value, settings["sudo_user"].value, password)


def _secret(settings: Settings, key: str, secrets: Resolver | None) -> Secret | None:
    given = settings.get(key)
    return None if given is None or secrets is None else secrets.resolve(given)


def _proxy_command(settings: Settings, tokens: Tokens) -> str:
    """The command line with what `%h`, `%p`, `%r` and `%n` stand for. Raises: InventoryError."""
    given = settings["proxy_command"]
    if given.value and given.path:  # of the inventory; ssh_config files are judged where they are read
        try:
            check_commands_of(given.file or Path())
        except SecretError as error:
            raise InventoryError([given.problem(error.message)], hint=error.hint) from error
    try:
        return expand_command(given.value, tokens)
    except ValueError as error:
        raise InventoryError([given.problem(str(error))]) from error


def _by_key(prefix: str, value: dict[str, Any]) -> dict[str, Any]:
    return {key.removeprefix(prefix): one for key, one in value.items() if key.startswith(prefix)}
