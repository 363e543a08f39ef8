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


class Answer(msgspec.Struct, frozen=True):
    """What to say when a server asks a question at login.

    Args:
        prompt: a regular expression that is found in the question, whatever its case.
        secret: the answer, when it is the same for every login of the run.
        command: what writes the answer to its stdout, run for each question: a one-time code holds once.
        directory: where the command is run.
    """

    prompt: str
    secret: Secret | None = None
    command: tuple[str, ...] = ()
    directory: str = ""


class Login(msgspec.Struct, frozen=True):
    """A user and the ways to prove it, in the order tried: keys, agent, password.

    Args:
        keys: paths of private key files, `~` already expanded.
        key_passphrase: for those of the keys that are encrypted.
        agent: whether keys of the ssh-agent are offered too.
        agent_socket: where that agent listens; "" for $SSH_AUTH_SOCK.
        certificates: paths of OpenSSH certificates for keys of files or of the agent, beside `KEY-cert.pub`.
        identities_only: of the agent's keys only those that `keys` and `certificates` name are offered.
        answers: to what a server asks besides the password (keyboard-interactive, RFC 4256).
    """

    user: str
    keys: tuple[str, ...] = ()
    key_passphrase: Secret | None = None
    password: Secret | None = None
    agent: bool = False
    agent_socket: str = ""
    certificates: tuple[str, ...] = ()
    identities_only: bool = False
    answers: tuple[Answer, ...] = ()


class AddressFamily(StrEnum):
    """Which addresses of a name are dialled."""

    ANY = "any"
    INET = "inet"
    INET6 = "inet6"


class Algorithms(msgspec.Struct, frozen=True):
    """Names of algorithms to offer, best first, as RFC 4253 and OpenSSH call them; where there are none, our own."""

    ciphers: tuple[str, ...] = ()
    key_exchanges: tuple[str, ...] = ()
    macs: tuple[str, ...] = ()
    host_keys: tuple[str, ...] = ()
    public_keys: tuple[str, ...] = ()


class Hop(msgspec.Struct, frozen=True):
    """A machine to connect and log in to: a host, or a bastion on the way to one.

    Args:
        name: what the user calls it.
        address: DNS name or IP address to dial, from here or from the bastion before it.
        known_hosts: paths of known_hosts files, `~` expanded; the first is the one written to.
        host_key_alias: what it is called in known_hosts, in place of address and port; "" for these.
        connect_timeout: seconds for the TCP connection.
        bind_address: the address of ours to dial from, or "".
        proxy_command: a command line for $SHELL, or else sh, whose stdin and stdout are the connection, or "".
        keepalive: seconds of silence after which the network asks the peer for a sign of life.
        keepalive_count: how many of these may stay without an answer.
    """

    name: str
    address: str
    login: Login
    port: int = 22
    known_hosts: tuple[str, ...] = ()
    host_key_policy: HostKeyPolicy = HostKeyPolicy.STRICT
    host_key_alias: str = ""
    connect_timeout: float = 10.0
    address_family: AddressFamily = AddressFamily.ANY
    bind_address: str = ""
    proxy_command: str = ""
    keepalive: float = 30.0
    keepalive_count: int = 3
    algorithms: Algorithms = Algorithms()


class ElevationMethod(StrEnum):
    """The command that makes another user of us."""

    SUDO = "sudo"
    SU = "su"
    DOAS = "doas"


class Elevation(msgspec.Struct, frozen=True):
    """Whose rights commands and file transfers have, when they are not those of the login.

    Args:
        password: what `method` may ask for: the login user's own for sudo and doas, the other user's for su.
    """

    method: ElevationMethod = ElevationMethod.SUDO
    user: str = "root"
    password: Secret | None = None


class Host(Hop, frozen=True):
    """One machine of the inventory with every setting resolved; nothing below asks "was it given?".

    Args:
        name: unique in a run.
        jump: the bastions on the way, the first to be dialled first.
        elevation: None where everything is done with the rights of the login.
        rights: the elevation for steps of a job that ask for one; None where it was not looked for.
        forward_agent: whether commands there may use our ssh-agent.
        send_env: variables that the server is asked to set (RFC 4254, 6.4), and may refuse.
        env: variables set for every command on this host.
    """

    jump: tuple[Hop, ...] = ()
    elevation: Elevation | None = None
    rights: Elevation | None = None
    forward_agent: bool = False
    send_env: dict[str, str] = {}
    env: dict[str, str] = {}
    vars: dict[str, Any] = {}
    tags: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    @classmethod
    def of(cls, hop: Hop, jump: tuple[Hop, ...]) -> Host:
        """A bastion as a host of its own, behind those before it."""
        return cls(**msgspec.structs.asdict(hop), jump=jump)

    @property
    def end(self) -> Hop:
        """The machine at the end of the way, without all that is about what is done there."""
        return Hop(**{field: getattr(self, field) for field in Hop.__struct_fields__})
