"""What may stand in an inventory file: one definition for validation and for the JSON schema that editors use."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from fleetctl.model import AddressFamily, ElevationMethod, HostKeyPolicy

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Words = str | list[str]
SECRETS = ("answers", "key_passphrase", "password", "sudo_password")
"""The settings that hold secrets: what stands there, or in their place, is never shown."""


class SecretRef(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a secret is to be had; exactly one of the fields is given."""

    env: str | None = None
    file: str | None = None
    command: tuple[str, ...] | None = None
    keyring: str | None = None
    vault: str | None = None
    prompt: str | None = None

    def __str__(self) -> str:
        kind, value = self.given()
        return f"{{{kind}: {value if isinstance(value, str) else '[' + ', '.join(value) + ']'}}}"

    def given(self) -> tuple[str, Any]:
        """The provider and its argument. Raises: ValueError unless exactly one is given, and not empty."""
        given = [(name, value) for name, value in msgspec.structs.asdict(self).items() if value is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(PROVIDERS)}")
        if not given[0][1]:
            raise ValueError(f"{given[0][0]} is empty")
        if any("\0" in word for word in given[0][1]):
            raise ValueError("holds a NUL, which no name, path or argument can")
        return given[0]

    def in_keyring(self) -> tuple[str, str]:
        """The service and the user of `keyring`. Raises: ValueError when it is not `service/user`."""
        service, _, user = (self.keyring or "").rpartition("/")
        if not service or not user:
            raise ValueError("keyring is service/user, as in fleet/deploy")
        return service, user


PROVIDERS = tuple(field.name for field in msgspec.structs.fields(SecretRef))


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What `defaults`, a group and a host may set."""

    port: Port | None = None
    user: str | None = None
    keys: Words | None = None
    key_passphrase: str | SecretRef | None = None
    password: str | SecretRef | None = None
    agent: bool | None = None
    agent_socket: str | None = None
    certificates: Words | None = None
    identities_only: bool | None = None
    forward_agent: bool | None = None
    answers: dict[str, str | SecretRef] | None = None
    jump: Words | None = None
    proxy_command: str | None = None
    known_hosts: Words | None = None
    host_key_policy: HostKeyPolicy | None = None
    host_key_alias: str | None = None
    connect_timeout: str | float | None = None
    address_family: AddressFamily | None = None
    bind_address: str | None = None
    keepalive: str | float | None = None
    keepalive_count: Annotated[int, msgspec.Meta(ge=1, le=100)] | None = None
    ciphers: Words | None = None
    key_exchanges: Words | None = None
    macs: Words | None = None
    host_keys: Words | None = None
    public_keys: Words | None = None
    sudo: bool | None = None
    sudo_user: str | None = None
    sudo_method: ElevationMethod | None = None
    sudo_password: str | SecretRef | None = None
    env: dict[str, str | int] | None = None
    vars: dict[str, Any] | None = None
    tags: Words | None = None


class HostSettings(Settings, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Settings of one host, or of each host of a range."""

    address: str | None = None


Hosts = str | list[str] | dict[str, HostSettings | None]


class Group(Settings, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Settings for all its hosts and those of its child groups."""

    hosts: Hosts | None = None
    groups: list[str] | None = None


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A whole inventory file."""

    defaults: Settings | None = None
    groups: dict[str, Group | None] | None = None
    hosts: Hosts | None = None
    default_target: str | None = None


def schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of an inventory file."""
    made = msgspec.json.schema(File)
    made["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    made["title"] = "fleetctl inventory"
    reference = made["$defs"]["SecretRef"]
    reference["minProperties"] = reference["maxProperties"] = 1
    for provider in reference["properties"].values():
        provider["anyOf"] = [kind for kind in provider["anyOf"] if kind != {"type": "null"}]
        del provider["default"]
    return made
