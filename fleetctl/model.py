"""What the world is made of: hosts, how to log in to them, and secrets that do not leak."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NoReturn

import msgspec


class Secret:
    """A value that prints as `***` everywhere and must be revealed on purpose.

    It cannot be pickled, and msgspec refuses to encode it unless a codec that is allowed to carry
    secrets asks for it by a hook.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "***"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(("Secret", self._value))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is never pickled")


class HostKeyPolicy(StrEnum):
    """What to do with a host key that no known_hosts file holds.

    A key that differs from the one held is refused under every policy but OFF.
    """

    STRICT = "strict"
    ACCEPT_NEW = "accept-new"
    OFF = "off"


class Login(msgspec.Struct, frozen=True):
    """A user and the ways to prove it, in the order tried: keys, agent, password.

    Args:
        keys: paths of private key files, `~` already expanded.
        key_passphrase: for those of the keys that are encrypted.
        agent: whether keys of the ssh-agent are offered too.
    """

    user: str
    keys: tuple[str, ...] = ()
    key_passphrase: Secret | None = None
    password: Secret | None = None
    agent: bool = False


class Hop(msgspec.Struct, frozen=True):
    """One bastion on the way to a host."""

    name: str
    address: str
    port: int = 22
    user: str = ""


class Host(msgspec.Struct, frozen=True):
    """One machine of the inventory with every setting resolved; nothing below asks "was it given?".

    Args:
        name: what the user calls it, unique in a run.
        address: DNS name or IP address to dial.
        known_hosts: paths of known_hosts files, `~` expanded; the first is the one written to.
        connect_timeout: seconds for the TCP connection.
        env: variables set for every command on this host.
    """

    name: str
    address: str
    login: Login
    port: int = 22
    jump: tuple[Hop, ...] = ()
    known_hosts: tuple[str, ...] = ()
    host_key_policy: HostKeyPolicy = HostKeyPolicy.STRICT
    connect_timeout: float = 10.0
    env: dict[str, str] = {}
    vars: dict[str, Any] = {}
    tags: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
