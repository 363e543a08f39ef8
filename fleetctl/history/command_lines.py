"""Secrets on command lines, as far as what stands beside them tells: names of variables and options, headers, URLs.

A command line is text for some shell or program that we do not know. That a mask takes too much is a nuisance; that it
takes too little is a leak.
"""

from __future__ import annotations

import re

MASK = "***"

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
_WHOLE_VALUE = re.compile(_VALUE, re.DOTALL)
_NAMED: tuple[re.Pattern[str], ...] = (
    re.compile(r"(?<![\w.-])([\w.-]+)[\"']?\s?(?:=>|[=:])\s?"),
    re.compile(r"(?<!\S)(--?[A-Za-z][\w-]*)\s+(?!-)"),
)
"""A name and what stands between it and its value."""
_BESIDE: tuple[re.Pattern[str], ...] = (
    re.compile(
        r"(?P<before>\bauthorization\s*[:=]\s*(?:[A-Za-z]+\s+)?|\bbearer\s+)(?P<value>[^\s\"']+)", re.IGNORECASE
    ),
    re.compile(r"(?<![A-Za-z0-9+.-])(?P<before>[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@\"']*:)(?P<value>[^\s/\"']+)(?=@)"),
    re.compile(rf"(?P<before>(?<!\S)(?:-u\s*|--(?:proxy-)?user[=\s]\s*)[\"']?[^\s:\"'=]+:)(?P<value>{_VALUE})"),
    re.compile(rf"(?P<before>\bsshpass\s+-p\s*)(?P<value>{_VALUE})"),
    re.compile(rf"(?P<before>\b(?:mysql|mysqldump|mysqladmin|mariadb)\b[^;|&]*?\s-p)(?P<value>{_VALUE})"),
)
"""Secrets that no name of their own tells of: in headers, in URLs, behind a user, and of some well-known commands."""
_VARIABLE = re.compile("(?P<before>(?:^|\x1f)(?:-e|--env)\x1f)(?P<name>[^\x1f=]+)=(?P<value>[^\x1f]+)")
"""What follows -e is one value to its end, whatever is in it; \\x1f stands between words, and is a blank elsewhere."""


def masked_line(line: str) -> str:
    """The line with such secrets masked."""
    line = _VARIABLE.sub(_variable, line)
    for pattern in _BESIDE:
        line = pattern.sub(lambda found: found["before"] + _masked(found["value"]), line)
    for pattern in _NAMED:
        line = _masked_by_name(pattern, line)
    return line


def is_secret(name: str) -> bool:
    """Whether a variable or an option of this name has a secret for its value."""
    return bool(_SECRET_NAME.search(name)) and not _HARMLESS_NAME.search(name)


def _variable(found: re.Match[str]) -> str:
    return f"{found['before']}{found['name']}={MASK}" if is_secret(found["name"]) else found[0]


def _masked_by_name(pattern: re.Pattern[str], line: str) -> str:
    parts: list[str] = []
    end = 0
    for found in pattern.finditer(line):
        if found.start() >= end and is_secret(found[1]) and (value := _WHOLE_VALUE.match(line, found.end())):
            parts += [line[end : found.end()], _masked(value[0])]
            end = value.end()
    return "".join([*parts, line[end:]])


def _masked(value: str) -> str:
    if not value or _REFERENCE.fullmatch(value):
        return value
    for quote in "\"'":
        if len(value) > 1 and value.startswith(quote) and value.endswith(quote):
            return quote + MASK + quote
    return MASK
