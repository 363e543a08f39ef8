"""What a setting means, once its type is right: paths made absolute, times in seconds, names that can be used."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fleetctl.durations import seconds_in
from fleetctl.inventory.document import bare
from fleetctl.inventory.types import SecretRef

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_IN_NO_NAME = re.compile(r"[\s,&!^@\[\]*?]")


def settled(name: str, value: Any, directory: Path) -> Any:
    """The value that a setting stands for.

    Args:
        directory: where relative paths begin: the directory of the inventory file.

    Raises: ValueError when the value has the right type and makes no sense.
    """
    if name in {"certificates", "keys", "known_hosts"}:
        return tuple(_path(word, directory) for word in words(value))
    if name == "agent_socket":
        return _path(value, directory)
    return _SENSE[name](value)


def target_name(name: str) -> str:
    """The name of a group or tag. Raises: ValueError when no target expression could hold it."""
    if not name or _IN_NO_NAME.search(name):
        raise ValueError(f"{name!r} cannot be written in a target: leave out blanks and , & ! ^ @ [ ] * ?")
    return name


def group_name(name: str) -> str:
    """The name of a group. Raises: ValueError when no target expression could hold it."""
    if ":" in name:
        raise ValueError(f"{name!r} cannot be a group's name: ':' ends the kind, as in @tag:prod")
    return target_name(name)


def words(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _path(word: str, directory: Path) -> str:
    if not word:
        raise ValueError("is empty")
    if "\0" in word:
        raise ValueError("holds a NUL, which no path can")
    try:
        return str(directory / Path(word).expanduser())
    except RuntimeError as error:
        raise ValueError(f"{word!r}: there is no such user's home") from error


def _word(value: str) -> str:
    if not value or value.startswith("-") or any(char.isspace() for char in value):
        raise ValueError(f"{value!r} cannot be: it is empty, holds a blank, or begins with '-'")
    return value


def _variable(name: str) -> str:
    if not _VARIABLE.fullmatch(name):
        raise ValueError(f"{name!r} is no variable's name: use letters, digits and '_'")
    return name


def _reference(value: str | SecretRef) -> str | SecretRef:
    if isinstance(value, str):
        if not value:
            raise ValueError("is empty: a word that begins with & or # wants quotes")
    elif value.given()[0] == "keyring":
        value.in_keyring()
    return value


def _algorithms(value: str | list[str]) -> tuple[str, ...]:
    """Names; the first may begin with a sign, as in ssh_config(5)."""
    first, *others = [name.strip() for word in words(value) for name in word.split(",")]
    return (first[:1] + _word(first[1:]) if first[:1] in {"+", "-", "^"} else _word(first), *map(_word, others))


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is no regular expression: {error}") from error
    return text


def _command_line(value: str) -> str:
    if "\0" in value:
        raise ValueError("holds a NUL, which no command can")
    return value.strip()


def _unchanged(value: Any) -> Any:
    return value


_SENSE: dict[str, Callable[[Any], Any]] = {
    "address": _word,
    "address_family": _unchanged,
    "agent": _unchanged,
    "answers": lambda value: {_pattern(key): _reference(one) for key, one in value.items()},
    "bind_address": _word,
    "ciphers": _algorithms,
    "connect_timeout": seconds_in,
    "env": lambda value: {_variable(key): str(one) for key, one in value.items()},
    "forward_agent": _unchanged,
    "host_key_alias": _word,
    "host_key_policy": _unchanged,
    "host_keys": _algorithms,
    "identities_only": _unchanged,
    "jump": lambda value: tuple(words(value)),
    "keepalive": seconds_in,
    "keepalive_count": _unchanged,
    "key_exchanges": _algorithms,
    "key_passphrase": _reference,
    "macs": _algorithms,
    "password": _reference,
    "port": _unchanged,
    "proxy_command": _command_line,
    "public_keys": _algorithms,
    "sudo": _unchanged,
    "sudo_method": _unchanged,
    "sudo_password": _reference,
    "sudo_user": _word,
    "tags": lambda value: tuple(map(target_name, words(value))),
    "user": _word,
    "vars": bare,
}
