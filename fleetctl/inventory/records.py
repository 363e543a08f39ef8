"""From the settings that hold for a host to its Host record, secrets fetched."""

from __future__ import annotations

from typing import Any

from fleetctl.inventory.jumps import Jumps
from fleetctl.inventory.membership import Membership
from fleetctl.inventory.precedence import Overrides, Precedence, Settings
from fleetctl.inventory.secrets import Secrets
from fleetctl.model import Host, Login, Secret


class Records:
    """Makes Host records; hosts that log in alike share one Login.

    Args:
        secrets: where passwords and passphrases come from; None leaves them out.
    """

    def __init__(
        self,
        precedence: Precedence,
        membership: Membership,
        jumps: Jumps,
        overrides: Overrides,
        secrets: Secrets | None,
    ) -> None:
        self._precedence = precedence
        self._membership = membership
        self._jumps = jumps
        self._overrides = overrides
        self._secrets = secrets
        self._logins: dict[Login, Login] = {}

    def make(self, name: str) -> Host:
        """Raises: SecretError."""
        effective = self._precedence.of(name)
        settings = self._overrides.over(effective.settings)
        value = {key: given.value for key, given in settings.items()}
        return Host(
            name=name,
            address=value.get("address", name),
            login=self._login(settings, value),
            port=value["port"],
            jump=self._jumps.through(value["jump"]),
            known_hosts=value["known_hosts"],
            host_key_policy=value["host_key_policy"],
            connect_timeout=value["connect_timeout"],
            env={key[4:]: text for key, text in value.items() if key.startswith("env.")},
            vars={key[5:]: one for key, one in value.items() if key.startswith("vars.")},
            tags=tuple(effective.tags),
            groups=self._membership.of(name),
        )

    def _login(self, settings: Settings, value: dict[str, Any]) -> Login:
        login = Login(
            value["user"],
            value["keys"],
            self._secret(settings, "key_passphrase"),
            self._secret(settings, "password"),
            value["agent"],
        )
        return self._logins.setdefault(login, login)

    def _secret(self, settings: Settings, key: str) -> Secret | None:
        given = settings.get(key)
        return None if given is None or self._secrets is None else self._secrets.resolve(given)
