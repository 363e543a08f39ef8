"""What history does not keep: secrets on command lines, and known secrets wherever they turn up.

A command line is text for some shell or program that we do not know, so what looks like a secret by the name beside it
is masked, too. That a mask takes too much is a nuisance; that it takes too little is a leak.
"""

from __future__ import annotations

import functools
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from fleetctl.history.encoding import everywhere, texts_in

MASK = "***"
_MASK_BYTES = MASK.encode()
_SHORTEST = 4
"""A shorter value turns up by chance in every other line."""
_SHORTEST_GUESSED = 6
"""The same for one that only looks like a secret."""
_SIGNS = (
    "pass", "secret", "token", "credential", "key", "pwd", "pw", "auth", "bearer", "jwt", "otp", "psk", "://", "cookie",
    "mysql", "mariadb", "login", "mongo", "useradd", "usermod", "redis", "ldap", "smbclient", "identified",
    "stdin", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "eyj",
)  # fmt: skip
"""Without one of these, a user with a colon behind it or a pipe to sudo, the words of a line tell of no secret."""

_Record = TypeVar("_Record", bound=msgspec.Struct)


_BETWEEN_WORDS = "\x1f"
"""A blank for every pattern here, and one that nobody types."""


class Mask:
    """Knows the secrets of one run.

    Args:
        secrets: their values; those of fewer than four characters count only where a name tells of them.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._given = tuple(secrets)
        known = {secret for secret in self._given if len(secret) >= _SHORTEST}
        forms = known | {shlex.quote(secret)[1:-1] for secret in known if shlex.quote(secret) != secret}
        # Of two secrets one may begin with the other: the longer one goes first.
        self._known = sorted(forms, key=len, reverse=True)
        self._bytes = tuple(secret.encode(errors="surrogateescape") for secret in self._known)

    def knowing(self, secrets: Iterable[str]) -> Mask:
        """One that knows these, too."""
        return Mask((*self._given, *secrets))

    def text(self, line: str) -> str:
        """A command line, or a sentence with one in it."""
        line = self.known(line)
        if not _may_tell(line):
            return line
        from fleetctl.history.command_lines import masked_line  # noqa: PLC0415 - 10 ms, which most lines do not need

        return masked_line(line)

    def words(self, argv: Sequence[str]) -> tuple[str, ...]:
        """The words of a command line, also where a name and its secret are words of their own."""
        return tuple(self.text(_BETWEEN_WORDS.join(argv)).split(_BETWEEN_WORDS)) if argv else ()

    def known(self, text: str) -> str:
        """Text without the secrets of this run."""
        for secret in self._known:
            text = text.replace(secret, MASK)
        return text

    def record(self, value: _Record) -> _Record:
        """A record without them, in all the text that it holds."""
        if not self._known:
            return value
        plain = msgspec.to_builtins(value, builtin_types=(bytes,))
        masked = everywhere(plain, self.known)
        return value if masked == plain else msgspec.convert(masked, type(value))

    @property
    def secrets(self) -> tuple[bytes, ...]:
        """As they may stand in what a host says."""
        return self._bytes


class Masks:
    """The masks of a run: of all that is known, and of each host what it alone has been told.

    Args:
        common: what any host may have been told.
        hosts: what each has been told, by its name.
    """

    def __init__(self, common: Iterable[str] = (), hosts: Mapping[str, frozenset[str]] | None = None) -> None:
        self._common = frozenset(common)
        self._hosts = hosts or {}
        self._made: dict[frozenset[str], Mask] = {}

    @functools.cached_property
    def all(self) -> Mask:
        return Mask(self._common.union(*self._hosts.values()))

    def of(self, host: str) -> Mask:
        told = self._hosts.get(host, frozenset())
        if told not in self._made:
            self._made[told] = Mask(told | self._common)
        return self._made[told]


class StreamMask:
    """Takes secrets out of what one host says on one stream, also where one comes in several pieces."""

    def __init__(self, mask: Mask) -> None:
        self._secrets = mask.secrets
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """The data without secrets; what may be the beginning of one is held back until more is known."""
        if not self._secrets:
            return data
        data = self._held + data
        for secret in self._secrets:
            data = data.replace(secret, _MASK_BYTES)
        held = max(_beginning_at_end(data, secret) for secret in self._secrets)
        self._held = data[len(data) - held :]
        return data[: len(data) - held]

    def rest(self) -> bytes:
        """What was held back, at the end."""
        held, self._held = self._held, b""
        return held


def _beginning_at_end(data: bytes, secret: bytes) -> int:
    """How many bytes at the end are the beginning of a secret."""
    last = data[-len(secret) + 1 :] if len(secret) > 1 else b""
    return next((len(last) - place for place in range(len(last)) if secret.startswith(last[place:])), 0)


def secret_values(variables: Mapping[str, Any]) -> list[str]:
    """The texts in those variables, or parts of variables, whose names say that they are secrets."""
    if not variables:
        return []
    from fleetctl.history.command_lines import is_secret  # noqa: PLC0415 - as above

    found: list[str] = []
    for name, value in variables.items():
        if is_secret(name):
            found += texts_in(value)
        elif isinstance(value, Mapping):
            found += secret_values(value)
    return found


def secrets_typed(argv: Sequence[str]) -> list[str]:
    """What looks like a secret on a command line: what runs on the hosts may say it, too."""
    line = _BETWEEN_WORDS.join(argv)
    if not _may_tell(line):
        return []
    from fleetctl.history.command_lines import secrets_in  # noqa: PLC0415 - as above

    return [value for value in secrets_in(line) if len(value) >= _SHORTEST_GUESSED]


def _may_tell(line: str) -> bool:
    words = line.casefold()
    if any(sign in words for sign in _SIGNS):
        return True
    return (":" in words and ("-u" in words or "user" in words)) or ("|" in words and "sudo" in words)
