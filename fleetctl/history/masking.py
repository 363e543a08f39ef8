"""What history does not keep: secrets on command lines, and known secrets wherever they turn up.

A command line is text for some shell or program that we do not know, so what looks like a secret by the name beside it
is masked, too. That a mask takes too much is a nuisance; that it takes too little is a leak.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import msgspec

from fleetctl.history.encoding import everywhere

MASK = "***"
_MASK_BYTES = MASK.encode()
_SHORTEST = 4
"""A shorter value turns up by chance in every other line."""

_SECRET_NAME = re.compile(
    r"password|passwd|passphrase|secret|token|credential|api_?key|private_?key|access_?key"
    r"|(?<![A-Za-z])(?:pass|keys?|pwd|pw|auth|bearer)(?![A-Za-z])",
    re.IGNORECASE,
)
_HARMLESS_NAME = re.compile(
    r"(?:file|path|dir|url|uri|stdin|type|name|id|len|length|count|age|policy|method|failure)s?$"
    r"|^--?(?:key|vault-key)$|^--(?:ask|no)-|^(?:old)?pwd$",
    re.IGNORECASE,
)
"""What stands beside it is about a secret, and is none; among these are all options of our own."""
_REFERENCE = re.compile(r"""["']?\$(?:\{[A-Z_][A-Z0-9_]*\}|[A-Z_][A-Z0-9_]*)["']?""")
"""A variable that the far shell has: nothing of its value is in it."""

_VALUE = r"""(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\;|&<>()])+"""
_ASSIGNMENT = re.compile(
    rf"(?P<name>-{{0,2}}[A-Za-z_][\w.-]*)(?P<between>[\"']?\s?(?:=>|[=:])\s?)(?P<value>{_VALUE})", re.DOTALL
)
_OPTION = re.compile(rf"(?P<name>(?<!\S)--?[A-Za-z][\w-]*)(?P<between>\s+)(?P<value>(?!-){_VALUE})", re.DOTALL)
_BESIDE: tuple[re.Pattern[str], ...] = (
    re.compile(
        r"(?P<before>\bauthorization\s*[:=]\s*(?:[A-Za-z]+\s+)?|\bbearer\s+)(?P<value>[^\s\"']+)", re.IGNORECASE
    ),
    re.compile(r"(?P<before>[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@\"']*:)(?P<value>[^\s/\"']+)(?=@)"),
    re.compile(rf"(?P<before>(?<!\S)(?:-u\s*|--(?:proxy-)?user[=\s]\s*)[\"']?[^\s:\"'=]+:)(?P<value>{_VALUE})"),
    re.compile(rf"(?P<before>\bsshpass\s+-p\s*)(?P<value>{_VALUE})"),
    re.compile(rf"(?P<before>\b(?:mysql|mysqldump|mysqladmin|mariadb)\b[^;|&]*?\s-p)(?P<value>{_VALUE})"),
)
"""Secrets that no name of their own tells of: in headers, in URLs, behind a user, and of some well-known commands."""


_Record = TypeVar("_Record", bound=msgspec.Struct)


_VARIABLE = {"-e", "--env"}
_BETWEEN_WORDS = "\x1f"
"""A blank for every pattern here, and one that nobody types."""


class Mask:
    """Knows the secrets of one run.

    Args:
        secrets: their values; those of fewer than four characters count only where a name tells of them.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {secret for secret in secrets if len(secret) >= _SHORTEST}
        forms = known | {shlex.quote(secret)[1:-1] for secret in known if shlex.quote(secret) != secret}
        # Of two secrets one may begin with the other: the longer one goes first.
        self._known = sorted(forms, key=len, reverse=True)
        self._bytes = tuple(secret.encode(errors="surrogateescape") for secret in self._known)

    def text(self, line: str) -> str:
        """A command line, or a sentence with one in it."""
        line = self.known(line)
        for pattern in _BESIDE:
            line = pattern.sub(lambda found: found["before"] + _masked(found["value"]), line)
        return _OPTION.sub(_by_name, _ASSIGNMENT.sub(_by_name, line))

    def words(self, argv: Sequence[str]) -> tuple[str, ...]:
        """The words of a command line, also where a name and its secret are words of their own."""
        whole = (self._variable(before, word) for before, word in zip(["", *argv], argv, strict=False))
        return tuple(self.text(_BETWEEN_WORDS.join(whole)).split(_BETWEEN_WORDS)) if argv else ()

    def _variable(self, before: str, word: str) -> str:
        """What follows -e is one value to its end, whatever is in it."""
        name, equals, value = word.partition("=")
        return f"{name}={MASK}" if before in _VARIABLE and equals and value and is_secret(name) else word

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

    @property
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


def is_secret(name: str) -> bool:
    """Whether a variable or an option of this name has a secret for its value."""
    return bool(_SECRET_NAME.search(name)) and not _HARMLESS_NAME.search(name)


def _by_name(found: re.Match[str]) -> str:
    value = found["value"]  # which may be the name of another: --env=TOKEN=…, https://host/?token=…
    shown = _masked(value) if is_secret(found["name"]) else _ASSIGNMENT.sub(_by_name, value)
    return found["name"] + found["between"] + shown


def _masked(value: str) -> str:
    if not value or _REFERENCE.fullmatch(value):
        return value
    for quote in "\"'":
        if len(value) > 1 and value.startswith(quote) and value.endswith(quote):
            return quote + MASK + quote
    return MASK
