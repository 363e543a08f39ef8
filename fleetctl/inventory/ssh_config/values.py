"""One keyword, one value: what the first line of each keyword means as settings of ours."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable

import msgspec

from fleetctl.errors import FleetError
from fleetctl.inventory.adhoc import parse_adhoc
from fleetctl.inventory.ssh_config.lines import Line
from fleetctl.inventory.ssh_config.tokens import CONNECTION, Tokens, expand, expand_command, expand_path
from fleetctl.model import AddressFamily, HostKeyPolicy

Values = Iterable[tuple[str, object]]
Tell = Callable[[Line, str], None]

# Compiled when they are first used: most runs need few of them, and compiling costs more than importing.
_HOST = r"[A-Za-z0-9_.:][A-Za-z0-9_.:%-]*"
_USER = r"(?!-)[^\s'`\";&<>|(){}$\x00-\x1f\x7f]*[^\s'`\";&<>|(){}$\\\x00-\x1f\x7f]"
_TIME = r"(?:\d+[smhdw]?)+"
_TIME_PART = r"(\d+)([smhdw]?)"
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_FLAGS = {"yes": True, "true": True, "no": False, "false": False}
_LAX = {"no", "false", "off"}
_POLICIES = {
    **dict.fromkeys(("yes", "true", "ask"), HostKeyPolicy.STRICT),
    **dict.fromkeys(("accept-new", *_LAX), HostKeyPolicy.ACCEPT_NEW),
}
_KEEPALIVES_AT_MOST = 100


class About(msgspec.Struct, frozen=True):
    """The host that lines are read for, and who hears what is to be told of them."""

    tokens: Tokens
    tell: Tell


def one(line: Line) -> str:
    """The only argument of a line. Raises: ValueError."""
    if len(line.words) != 1 or not line.words[0]:
        raise ValueError("takes one argument" if len(line.words) > 1 else "needs an argument")
    return line.words[0]


def is_off(line: Line) -> bool:
    return bool(line.words) and _FLAGS.get(line.words[0].lower()) is False


def _address(line: Line, about: About) -> Values:
    one(line)
    if not re.fullmatch(_HOST, about.tokens.host):
        raise ValueError(f"{about.tokens.host!r} is no name or address of a host")
    return [("address", about.tokens.host)]


def _user(line: Line, about: About) -> Values:
    one(line)
    if not re.fullmatch(_USER, about.tokens.user):
        raise ValueError(f"{about.tokens.user!r} cannot be a user's name")
    return [("user", about.tokens.user)]


def _port(line: Line, _: About) -> Values:
    word = one(line)
    if not (word.isdecimal() and 1 <= int(word[:6]) <= 65535):
        raise ValueError(f"{word!r} is no port: write a number")
    return [("port", int(word))]


def _flag(line: Line) -> bool:
    word = one(line).lower()
    if word not in _FLAGS:
        raise ValueError(f"must be yes or no, not {word!r}")
    return _FLAGS[word]


def _agent(line: Line, about: About) -> Values:
    word, ours = one(line), os.environ.get("SSH_AUTH_SOCK", "")
    if word.lower() == "none":
        path = ""
    elif word == "SSH_AUTH_SOCK":
        path = ours
    elif re.fullmatch(r"\$\w+", word):
        path = os.environ.get(word[1:], "")
    else:
        path = expand_path(word, about.tokens)
    other = [("agent_socket", path)] if path and path != ours else []
    return [("agent", bool(path)), *other]


def _forward_agent(line: Line, about: About) -> Values:
    word = one(line).lower()
    if word not in _FLAGS:
        about.tell(line, "fleetctl forwards the agent of $SSH_AUTH_SOCK or none: it forwards none here")
    return [("forward_agent", _FLAGS.get(word, False))]


def _jump(line: Line, about: About) -> Values:
    text = line.rest.partition("#")[0].strip()
    if text.lower() == "none":
        return [("jump", ())]
    return [("jump", tuple(_bastion(word) for word in expand(text, about.tokens, CONNECTION).split(",")))]


def _bastion(word: str) -> str:
    plain = word.strip().removeprefix("ssh://").removesuffix("/")
    try:
        parse_adhoc(plain)
    except FleetError as error:
        raise ValueError(f"{error.message}: {error.hint}") from error
    return plain


def _proxy_command(line: Line, about: About) -> Values:
    command = line.rest.lstrip(" \t=")
    if command.lower() == "none":
        return [("proxy_command", "")]
    expand_command(command, about.tokens)  # where it is used it is expanded; what is wrong with it is told here
    return [("proxy_command", command)]


def _host_key_policy(line: Line, about: About) -> Values:
    word = one(line).lower()
    if word not in _POLICIES:
        raise ValueError(f"must be one of yes, no, ask, accept-new, off, not {word!r}")
    if word in _LAX:
        about.tell(line, "fleetctl takes it for accept-new: new host keys are accepted, changed ones are refused")
    return [("host_key_policy", _POLICIES[word])]


def _time(line: Line) -> float:
    """In seconds; 0 for none."""
    word = one(line).lower()
    if word == "none":
        return 0.0
    if not re.fullmatch(_TIME, word):
        raise ValueError(f"{word!r} is no time: write 90, 90s or 1m30s")
    return float(sum(int(number) * _SECONDS[unit] for number, unit in re.findall(_TIME_PART, word)))


def _connect_timeout(line: Line, _: About) -> Values:
    return [("connect_timeout", seconds)] if (seconds := _time(line)) else []


def _keepalive(line: Line, _: About) -> Values:
    return [("keepalive", seconds)] if (seconds := _time(line)) else []


def _keepalive_count(line: Line, _: About) -> Values:
    word = one(line)
    if not word.isdecimal():
        raise ValueError(f"{word!r} is no number")
    return [("keepalive_count", min(int(word), _KEEPALIVES_AT_MOST))] if int(word) else []


def _address_family(line: Line, _: About) -> Values:
    word = one(line).lower()
    if word not in [*AddressFamily]:
        raise ValueError(f"must be one of {', '.join(AddressFamily)}, not {word!r}")
    return [("address_family", AddressFamily(word))]


def _bind_address(line: Line, _: About) -> Values:
    word = one(line)
    if not re.fullmatch(_HOST, word):
        raise ValueError(f"{word!r} is no address")
    return [("bind_address", word)]


def _algorithms(setting: str) -> Callable[[Line, About], Values]:
    """A + - or ^ before the first stays there: it is about our own list, which is known where it is used."""
    return lambda line, _: [(setting, tuple(one(line).split(",")))]


def _set_env(line: Line, _: About) -> Values:
    if wrong := [word for word in line.words if not word.partition("=")[0] or "=" not in word]:
        raise ValueError(f"{wrong[0]!r} is no NAME=value")
    pairs = [word.partition("=") for word in line.words]
    return [(f"send_env.{name}", value) for name, _, value in reversed(pairs)]  # the first of a name wins


def _preferred(line: Line, about: About) -> Values:
    ways = one(line).split(",")
    if "publickey" in ways and {"password", "keyboard-interactive"} & {*ways[: ways.index("publickey")]}:
        about.tell(line, "fleetctl tries keys first, whatever the order")
    return [] if "publickey" in ways else _NO_PUBLIC_KEYS


def _public_keys(line: Line, _: About) -> Values:
    word = one(line).lower()
    if word not in {*_FLAGS, "unbound", "host-bound"}:
        raise ValueError(f"must be yes or no, not {word!r}")
    return _NO_PUBLIC_KEYS if is_off(line) else []


_NO_PUBLIC_KEYS: list[tuple[str, object]] = [("keys", ()), ("certificates", ()), ("agent", False)]

READERS: dict[str, Callable[[Line, About], Values]] = {
    "addressfamily": _address_family,
    "bindaddress": _bind_address,
    "ciphers": _algorithms("ciphers"),
    "connecttimeout": _connect_timeout,
    "forwardagent": _forward_agent,
    "hostkeyalgorithms": _algorithms("host_keys"),
    "hostkeyalias": lambda line, _: [("host_key_alias", one(line))],
    "hostname": _address,
    "identitiesonly": lambda line, _: [("identities_only", _flag(line))],
    "identityagent": _agent,
    "kexalgorithms": _algorithms("key_exchanges"),
    "macs": _algorithms("macs"),
    "port": _port,
    "proxycommand": _proxy_command,
    "proxyjump": _jump,
    "pubkeyacceptedalgorithms": _algorithms("public_keys"),
    "serveralivecountmax": _keepalive_count,
    "serveraliveinterval": _keepalive,
    "setenv": _set_env,
    "stricthostkeychecking": _host_key_policy,
    "user": _user,
}
"""What reads the lines of each keyword. Raises: ValueError."""

LAST: dict[str, Callable[[Line, About], Values]] = {
    "preferredauthentications": _preferred,
    "pubkeyauthentication": _public_keys,
}
"""Those that take away what others gave."""
