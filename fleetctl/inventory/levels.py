"""What was given where: the settings of the defaults, of each group and of each host, before any of them wins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from fleetctl.errors import Problem


class Given(msgspec.Struct, frozen=True):
    """A setting's value and where it was given: by which level, and in which file, line and path if in a file."""

    value: Any
    level: str
    file: Path | None = None
    line: int = 0
    path: str = ""

    @property
    def source(self) -> str:
        """`inventory.yaml:12 group web`, or `built-in`."""
        return f"{self.file}:{self.line} {self.level}" if self.file else self.level

    def problem(self, message: str) -> Problem:
        return Problem(self.file or Path(), self.line, self.path, message)


class Level(msgspec.Struct):
    """The settings of one host, one group, or the defaults. `vars` and `env` are kept per key: `vars.role`."""

    title: str
    settings: dict[str, Given] = msgspec.field(default_factory=dict)
    tags: dict[str, Given] = msgspec.field(default_factory=dict)


class GroupLevel(Level):
    """A group: its own hosts (not those of its children), in order, and its children with their places."""

    hosts: dict[str, None] = msgspec.field(default_factory=dict)
    children: dict[str, Given] = msgspec.field(default_factory=dict)


class Levels(msgspec.Struct):
    """All files put together; what a later file gives wins over an earlier one at the same level."""

    defaults: Level = msgspec.field(default_factory=lambda: Level("defaults"))
    groups: dict[str, GroupLevel] = msgspec.field(default_factory=dict)
    hosts: dict[str, Level] = msgspec.field(default_factory=dict)
    default_target: Given | None = None
