"""Secrets on command lines, as far as what stands beside them tells: names of variables and options, headers, URLs.

A command line is text for some shell or program that we do not know. That a mask takes too much is a nuisance; that it
takes too little is a leak.
"""

from __future__ import annotations

import re

MASK = "***"

_SECRET_NAME = re.compile(
    r"password|passwd|passphrase|secret|token|credential|api_?key|private_?key|access_?key"
    r"|(?<![A-Za-z])(?:pass|keys?|pwd|pw|auth|bearer|jwt|otp|psk)(?![A-Za-z])",
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

_VALUE = r"""(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\;|&<>()]|["'](?=[^\s;|&<>()]))++"""
"""A word of a shell; a quote that nothing closes is a part of it, unless it ends the word."""
_FURTHER = r"[^;|&]{0,300}?"
"""Other words of the same command; a bound, for a long line is looked at from each of its words."""
_WHOLE_VALUE = re.compile(_VALUE, re.DOTALL)
_NAMED: tuple[re.Pattern[str], ...] = (
    # NAME= at the end of a word is empty: the next word is none of it.
    re.compile(r"(?<![\w.-])([\w.-]+)[\"']?(?:\s?(?:=>|:)\s?|\s=\s?|=(?!\x1f)\s?)"),
    re.compile(r"(?<!\S)(--?[A-Za-z][\w-]*)\s+(?!-)"),
)
"""A name and what stands between it and its value."""
_BESIDE: tuple[re.Pattern[str], ...] = (
    re.compile(
        r"(?P<before>\bauthorization\s*[:=]\s*(?:[A-Za-z]+\s+)?|\bbearer\s+)(?P<value>[^\s\"']+)", re.IGNORECASE
    ),
    re.compile(r"(?<![A-Za-z0-9+.-])(?P<before>[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@\"']*:)(?P<value>[^\s/\"']+)(?=@)"),
    re.compile(rf"(?P<before>(?<!\S)(?:-u\s*|--(?:proxy-)?user[=\s]\s*)[\"']?[^\s:\"'=]+:)(?P<value>{_VALUE})"),
    re.compile(r"(?P<before>\bhttps?://)(?P<value>[\w-]{20,})(?=@)"),
    re.compile(r"(?P<before>\bcookie:\s*)(?P<value>[^\"'\x1f]+)", re.IGNORECASE),
    re.compile(rf"(?P<before>\bsshpass\s+-p\s*)(?P<value>{_VALUE})"),
    re.compile(rf"(?P<before>\b(?:mysql|mysqldump|mysqladmin|mariadb)\b{_FURTHER}\s-p)(?P<value>{_VALUE})"),
    re.compile(
        rf"(?P<before>\b(?:(?:docker|podman)\s+login|mongo\w*|useradd|usermod)\b{_FURTHER}\s-p\s+)"
        rf"(?P<value>{_VALUE})"
    ),
    re.compile(rf"(?P<before>\bredis-cli\b{_FURTHER}\s-a\s+)(?P<value>{_VALUE})"),
    re.compile(rf"(?P<before>\bldap\w+\b{_FURTHER}\s-w\s+)(?P<value>{_VALUE})"),
    re.compile(rf"(?P<before>\bsmbclient\b{_FURTHER}\s-U\s*[\"']?[^\s%]+%)(?P<value>{_VALUE})"),
    re.compile(
        r"(?P<before>\b(?:alter|create|set)\b[^;]{1,200}?\b(?:password|identified\s+by)\b[^;'\"]{0,100})"
        r"(?P<value>'[^']*'|\"[^\"]*\")",
        re.IGNORECASE,
    ),
    re.compile(rf"(?P<before>\bchpasswd\s*<<<\s*[\"']?[\w.-]+:)(?P<value>{_VALUE})"),
    re.compile(
        r"(?P<before>\b(?:echo|printf)\s+(?:-\w+\s+)*(?:[\"']?%s(?:\\n)?[\"']?\s+)?)"
        rf"(?P<value>{_VALUE})"
        r"(?=\s*\|[^|;&]{0,200}?(?:\bsudo\s[^|;&]{0,100}?-\w*S\b|--(?:password-)?stdin\b))"
    ),
    re.compile(
        r"(?P<before>\b)(?P<value>(?:gh[pousr]_|github_pat_)\w{30,}|glpat-[\w-]{20,}|xox[abprs]-[\w-]{10,}"
        r"|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]+)"
    ),
)
"""Secrets that no name of their own tells of: in headers, URLs and SQL, behind a user, of some well-known commands, and
tokens that are known by their beginning."""
_FOR_CHPASSWD = re.compile(
    r"(?P<before>\b[\w.-]{1,64}:)(?P<value>[^\s\"'|\\]+)(?=[^|]{0,1000}\|[^|;&]{0,100}\bchpasswd\b)"
)
"""What is piped into it: USER:PASSWORD. Looked for only where there is a chpasswd, for it takes long on long lines."""
_VARIABLE = re.compile(
    "(?P<before>(?:^|\x1f)(?:-[A-Za-z]*e\x1f?|--env[\x1f=]))(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>[^\x1f]+)"
)
"""What follows -e is one value to its end, whatever is in it; \\x1f stands between words, and is a blank elsewhere."""


def masked_line(line: str) -> str:
    """The line with such secrets masked."""
    return _masked_line(line, [])


def secrets_in(line: str) -> list[str]:
    """The secrets that would be masked."""
    found: list[str] = []
    _masked_line(line, found)
    return [value for value in found if MASK not in value]


def is_secret(name: str) -> bool:
    """Whether a variable or an option of this name has a secret for its value."""
    return bool(_SECRET_NAME.search(name)) and not _HARMLESS_NAME.search(name)


def _masked_line(line: str, found: list[str]) -> str:
    """Puts what is masked into `found`."""
    line = _VARIABLE.sub(lambda match: _variable(match, found), line)
    for pattern in (*_BESIDE, *([_FOR_CHPASSWD] if "chpasswd" in line else [])):
        line = pattern.sub(lambda match: match["before"] + _masked(match["value"], found), line)
    for pattern in _NAMED:
        line = _masked_by_name(pattern, line, found)
    return line


def _variable(match: re.Match[str], found: list[str]) -> str:
    if not is_secret(match["name"]):
        return match[0]
    found.append(match["value"])
    return f"{match['before']}{match['name']}={MASK}"


def _masked_by_name(pattern: re.Pattern[str], line: str, found: list[str]) -> str:
    parts: list[str] = []
    end = 0
    for match in pattern.finditer(line):
        if match.start() >= end and is_secret(match[1]) and (value := _WHOLE_VALUE.match(line, match.end())):
            parts += [line[end : match.end()], _masked(value[0], found)]
            end = value.end()
    return "".join([*parts, line[end:]])


def _masked(value: str, found: list[str]) -> str:
    if not value or _REFERENCE.fullmatch(value):
        return value
    for quote in "\"'":
        if len(value) > 1 and value.startswith(quote) and value.endswith(quote):
            found.append(value[1:-1])
            return quote + MASK + quote
    found.append(value)
    return MASK
