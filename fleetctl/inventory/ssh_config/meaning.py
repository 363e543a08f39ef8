"""What the lines that hold for a host mean together: settings of ours, each with its place."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

import msgspec

from fleetctl.errors import SshConfigError
from fleetctl.inventory.levels import Given
from fleetctl.inventory.ssh_config.gathered import Gathered
from fleetctl.inventory.ssh_config.lines import Line
from fleetctl.inventory.ssh_config.patterns import matcher
from fleetctl.inventory.ssh_config.tokens import Tokens, at_home, expand_path
from fleetctl.inventory.ssh_config.unfollowed import complaint
from fleetctl.inventory.ssh_config.values import LAST, READERS, About, Tell, Values, one

Settings = dict[str, Given]

_FILES = {"identityfile": "keys", "certificatefile": "certificates"}
_KNOWN_HOSTS = {"userknownhostsfile": "~/.ssh/known_hosts", "globalknownhostsfile": "/etc/ssh/ssh_known_hosts"}
_NO_FILE = "/dev/null"
_READ = READERS.keys() | LAST.keys() | _KNOWN_HOSTS.keys()


def settings_of(gathered: Gathered, hidden: frozenset[str], tell: Tell) -> Settings:
    """The settings that the lines for a host give.

    Args:
        hidden: names of variables that hold secrets, which SendEnv does not send.
        tell: takes a warning about a line.

    Raises: SshConfigError when a value makes no sense.
    """
    about = _about(gathered, tell)
    found = dict(_sent(tuple(gathered.all.get("sendenv", ())), hidden))
    found |= _with_files(gathered.all, about)
    found |= _known_hosts(gathered.first, about)
    for readers in (READERS, LAST):
        for line in gathered.first.values():
            if (reader := readers.get(line.keyword)) is not None:
                found |= {name: line.given(value) for name, value in _checked(line, reader, about)}
    for line in gathered.first.values():
        if line.keyword not in _READ and (told := complaint(line, gathered)):
            tell(line, told)
    return found


def _about(gathered: Gathered, tell: Tell) -> About:
    try:
        return About(gathered.tokens(), tell)
    except ValueError as error:  # only these two hold tokens that others need
        lines = [line for name in ("hostname", "user") if (line := gathered.first.get(name)) is not None]
        raise SshConfigError([lines[0].problem(str(error))]) from error


def _checked(line: Line, reader: Callable[[Line, About], Values], about: About) -> Values:
    try:
        return reader(line, about)
    except ValueError as error:
        raise SshConfigError([line.problem(str(error))]) from error


def _with_files(lines: Mapping[str, Iterable[Line]], about: About) -> Settings:
    """Key and certificate files: every line adds one. `none` adds none, and takes the place of the default ones."""
    found: Settings = {}
    for keyword, setting in _FILES.items():
        for line in lines.get(keyword, ()):
            before = found.setdefault(setting, line.given(()))
            paths = dict.fromkeys((*before.value, *_paths(line, about)))
            found[setting] = msgspec.structs.replace(before, value=tuple(paths))
    return found


def _paths(line: Line, about: About) -> list[str]:
    """Raises: SshConfigError."""
    if "%" not in line.rest:
        return _fixed_paths(line)
    return _expanded(line, about.tokens)


@lru_cache(16_384)
def _fixed_paths(line: Line) -> list[str]:
    """Those of a line that are the same for every host."""
    return _expanded(line, Tokens("", "", 0, ""))


def _expanded(line: Line, tokens: Tokens) -> list[str]:
    words = [one(line)] if line.keyword in _FILES else list(line.words)
    if [word.lower() for word in words] == ["none"]:
        return []
    try:
        if line.keyword == "globalknownhostsfile":
            return [at_home(word) for word in words]
        return [expand_path(word, tokens) for word in words]
    except ValueError as error:
        raise SshConfigError([line.problem(str(error))]) from error


def _known_hosts(first: Mapping[str, Line], about: About) -> Settings:
    """The user's files and the system-wide ones are one setting; the first of them is the one written to."""
    given = [line for keyword in _KNOWN_HOSTS if (line := first.get(keyword)) is not None]
    if not given:
        return {}
    files: list[str] = []
    for keyword, default in _KNOWN_HOSTS.items():
        line = first.get(keyword)
        files += [at_home(default)] if line is None else _paths(line, about)
        if keyword == "userknownhostsfile" and not files:
            files = [_NO_FILE]  # new keys must not go to the system-wide file instead
    return {"known_hosts": given[0].given(tuple(files))}


@lru_cache(256)  # thousands of hosts have the same few lines
def _sent(lines: tuple[Line, ...], hidden: frozenset[str]) -> Settings:
    """Variables that SendEnv names, from our environment. `-pattern` takes back patterns given before."""
    patterns: dict[str, Line] = {}
    for line in lines:
        for word in line.words:
            if "=" in word:
                raise SshConfigError([line.problem(f"{word!r} is no variable's name")])
            if word.startswith("-"):
                taken_back = matcher(word[1:])
                patterns = {pattern: one for pattern, one in patterns.items() if not taken_back(pattern)}
            else:
                patterns.setdefault(word, line)
    matchers = [(matcher(pattern), line) for pattern, line in patterns.items()]
    return {
        f"send_env.{name}": line.given(value)
        for matches, line in reversed(matchers)
        for name, value in os.environ.items()
        if name not in hidden and matches(name)
    }
