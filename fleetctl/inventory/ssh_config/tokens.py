"""What stands for something else in a value: `%h`, `${HOME}`, `~` (ssh_config(5), TOKENS)."""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import msgspec

ALL = "CLdhijklnpru"
CONNECTION = "hknpr"
"""Those that a ProxyCommand or ProxyJump may hold."""

_LETTER = r"(?s)%(.?)"
_VARIABLE = r"\$\{([^}]*)\}"
_HARMLESS = r"[A-Za-z0-9._:@%+/][A-Za-z0-9._:@%+,/-]*|"


class Tokens(msgspec.Struct, frozen=True):
    """What the tokens stand for in the configuration of one host.

    Args:
        name: the host as the user calls it, `%n`.
        host: the name or address that is connected to, `%h`.
        key_alias: what it is called in known_hosts, `%k`.
        jump: its ProxyJump, `%j`.
    """

    name: str
    host: str
    port: int
    user: str
    key_alias: str = ""
    jump: str = ""

    def value(self, letter: str) -> str:
        return _VALUES[letter](self)

    @property
    def digest(self) -> str:
        named = f"{_local_host()}{self.host}{self.port}{self.user}{self.jump}"
        import hashlib  # noqa: PLC0415 - 3 ms that hardly anyone needs

        return hashlib.sha1(named.encode(), usedforsecurity=False).hexdigest()


def expand(text: str, tokens: Tokens, known: str = ALL) -> str:
    """Put in what the tokens stand for. Raises: ValueError for one that may not stand there."""

    def value(match: re.Match[str]) -> str:
        if match[1] not in known + "%" or not match[1]:
            raise ValueError(f"{match[0]} cannot stand here; for a % write %%")
        return tokens.value(match[1])

    return re.sub(_LETTER, value, text) if "%" in text else text


def expand_command(text: str, tokens: Tokens, known: str = CONNECTION) -> str:
    """The same in a line for a shell. Raises: ValueError, also for a value that a shell would take for more."""
    for letter in {letter for letter in re.findall(_LETTER, text) if letter and letter in known}:
        if not re.fullmatch(_HARMLESS, tokens.value(letter)):
            raise ValueError(f"%{letter} is {tokens.value(letter)!r}, which a shell would take for more than a word")
    return expand(text, tokens, known)


def expand_variables(text: str) -> str:
    """Put in variables of the environment. Raises: ValueError for one that is not set."""

    def value(match: re.Match[str]) -> str:
        if match[1] not in os.environ:
            raise ValueError(f"the variable {match[1] or '${}'} is not set")
        return os.environ[match[1]]

    return re.sub(_VARIABLE, value, text) if "$" in text else text


def expand_path(text: str, tokens: Tokens) -> str:
    """A path with everything put in. Raises: ValueError."""
    return expand_variables(expand(at_home(text), tokens))


def at_home(text: str) -> str:
    """`~/x` and `~someone/x` in full. Raises: ValueError when there is no such user."""
    if not text.startswith("~"):
        return text
    try:
        return str(Path(text).expanduser())
    except RuntimeError as error:
        raise ValueError(f"{text}: there is no such user's home") from error


@cache
def local_user() -> str:
    """The name of the user who runs this, whatever $USER says; its number where it has none, as in many containers."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


@cache
def _local_host() -> str:
    return os.uname().nodename


_VALUES: dict[str, Callable[[Tokens], str]] = {
    "%": lambda _: "%",
    "C": lambda tokens: tokens.digest,
    "L": lambda _: _local_host().partition(".")[0],
    "d": lambda _: str(Path.home()),
    "h": lambda tokens: tokens.host,
    "i": lambda _: str(os.getuid()),
    "j": lambda tokens: tokens.jump,
    "k": lambda tokens: tokens.key_alias or tokens.name,
    "l": lambda _: _local_host(),
    "n": lambda tokens: tokens.name,
    "p": lambda tokens: str(tokens.port),
    "r": lambda tokens: tokens.user,
    "u": lambda _: local_user(),
}
