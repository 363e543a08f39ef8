"""All ssh_config files, read in the order in which they count, and parted into sections with a condition each."""

from __future__ import annotations

import glob
import grp
import os
import pwd
import re
import stat
from collections.abc import Sequence
from pathlib import Path

import msgspec

from fleetctl.errors import Problem, SshConfigError, UsageError
from fleetctl.inventory.ssh_config import criteria
from fleetctl.inventory.ssh_config.criteria import Criterion
from fleetctl.inventory.ssh_config.lines import Line, parse
from fleetctl.inventory.ssh_config.tokens import at_home, expand_variables

SYSTEM = Path("/etc/ssh")
_MAX_DEPTH = 16
_MAX_BYTES = 16 * 1024 * 1024
_NOWHERE = -1


class Source(msgspec.Struct, frozen=True):
    """A file to begin with.

    Args:
        own: whether it is the user's own, and not the system-wide one.
        guarded: whether it is refused when others can write to it.
    """

    path: Path
    own: bool
    guarded: bool


class Section(msgspec.Struct, frozen=True):
    """Lines that hold for the same hosts.

    Args:
        inside: the number of the section with a condition that includes this one's file, or -1.
        hosts: the patterns of its Host line; None when it has another condition, or none.
        criteria: those of its Match line.
    """

    inside: int
    hosts: tuple[str, ...] | None
    criteria: tuple[Criterion, ...] | None
    lines: list[Line]

    @property
    def is_conditional(self) -> bool:
        return self.hosts is not None or self.criteria is not None


def sources(named: Path | None) -> tuple[Source, ...]:
    """The files that ssh would begin with.

    Args:
        named: what follows -F: a file that counts alone, or the word `none`; None for the default files.

    Raises: UsageError when the named file cannot be read.
    """
    if named is None:
        own, system = Path.home() / ".ssh" / "config", SYSTEM / "ssh_config"
        return Source(own, own=True, guarded=True), Source(system, own=False, guarded=False)
    if str(named) == "none":
        return ()
    path = named.expanduser()
    if not os.access(path, os.R_OK):
        reason = "it cannot be read" if path.exists() else "there is no such file"
        raise UsageError(f"ssh_config file {named}: {reason}", hint="-F takes a file, or none for none")
    return (Source(path, own=True, guarded=False),)


def read(begin: Sequence[Source]) -> list[Section]:
    """The sections of all files, in the order in which they count. Raises: SshConfigError with everything wrong."""
    reader = _Reader()
    for source in begin:
        reader.read(source, _NOWHERE, 0)
    if reader.problems:
        raise SshConfigError(reader.problems)
    return reader.sections


class _Reader:
    def __init__(self) -> None:
        self.sections: list[Section] = []
        self.problems: list[Problem] = []

    def read(self, source: Source, inside: int, depth: int) -> None:
        shown = _shown(source.path)
        try:
            text = _text(source)
        except ValueError as error:
            self.problems.append(Problem(shown, 0, "", str(error)))
            return
        self._begin(inside)
        for number, raw in enumerate(text.split("\n"), 1):
            try:
                line = parse(raw, shown, number, own=source.own)
                if line is not None:
                    self._take(line, source, inside, depth)
            except ValueError as error:
                self.problems.append(Problem(shown, number, "", str(error)))

    def _begin(
        self, inside: int, hosts: tuple[str, ...] | None = None, given: tuple[Criterion, ...] | None = None
    ) -> None:
        self.sections.append(Section(inside, hosts, given, []))

    def _take(self, line: Line, source: Source, inside: int, depth: int) -> None:
        """Raises: ValueError."""
        match line.keyword:
            case "host":
                self._begin(inside, hosts=line.words)
            case "match":
                self._begin(inside, given=criteria.parse(line))
            case "include" if (patterns := _patterns(line)) is not None:
                self._include(patterns, source.own, depth)
            case _:
                self.sections[-1].lines.append(line)

    def _include(self, patterns: list[str], own: bool, depth: int) -> None:
        if depth == _MAX_DEPTH:
            raise ValueError(f"Include goes more than {_MAX_DEPTH} files deep: do they include each other?")
        number, section = len(self.sections) - 1, self.sections[-1]
        inside = number if section.is_conditional else section.inside
        for pattern in patterns:
            for path in sorted(glob.glob(pattern)):  # noqa: PTH207 - an absolute pattern may begin anywhere
                self.read(Source(Path(path), own, guarded=True), inside, depth + 1)
        self._begin(inside)  # what follows the Include holds for the same hosts as what was before it


def _patterns(line: Line) -> list[str] | None:
    """The absolute patterns of an Include; None when they depend on the host, or on a variable that is not set.

    Raises: ValueError.
    """
    directory = Path.home() / ".ssh" if line.own else SYSTEM
    if "%" in line.rest:
        return None
    try:
        words = [expand_variables(word) for word in line.words]
    except ValueError:
        return None
    if not line.own and any(word.startswith("~") for word in words):
        raise ValueError("a system-wide file cannot include one of a home")
    return [str(directory / at_home(word)) for word in words]


def _text(source: Source) -> str:
    """What a file holds, nothing when it is not there. Raises: ValueError when it cannot be used."""
    try:
        with source.path.open("rb") as stream:
            if source.guarded and not _is_guarded(os.fstat(stream.fileno())):
                raise ValueError(
                    f"bad owner or permissions: others could write to it; chmod go-w {_shown(source.path)}"
                )
            data = stream.read(_MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return ""
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from error
    if len(data) > _MAX_BYTES:
        raise ValueError(f"is larger than {_MAX_BYTES >> 20} MiB")
    return data.decode(errors="surrogateescape")


def _is_guarded(status: os.stat_result) -> bool:
    """Whether nobody but root and us can write to it."""
    if status.st_uid not in {0, os.getuid()} or status.st_mode & stat.S_IWOTH:
        return False
    return not status.st_mode & stat.S_IWGRP or _is_private(status)


def _is_private(status: os.stat_result) -> bool:
    """Whether its group is its owner's alone, as Debian makes one for each user and lets it write."""
    try:
        owner = pwd.getpwuid(status.st_uid).pw_name
        members = {*grp.getgrgid(status.st_gid).gr_mem}
    except KeyError:
        return False
    members |= {user.pw_name for user in pwd.getpwall() if user.pw_gid == status.st_gid}
    return members == {owner}


def _shown(path: Path) -> Path:
    """A path as a user writes it."""
    return Path(re.sub(rf"^{re.escape(str(Path.home()))}(?=/)", "~", str(path)))
