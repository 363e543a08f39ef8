"""Which secrets an inventory gives, and which of them others on this machine can read."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from fleetctl.inventory.levels import Given, Levels
from fleetctl.inventory.secrets.providers import others_may
from fleetctl.inventory.types import SECRETS, SecretRef


def plain_secrets(levels: Levels) -> tuple[str, ...]:
    """A warning for each file that holds plain secrets and that others can read."""
    by_file: dict[Path, dict[str, None]] = {}
    for given in _secrets(levels):
        if isinstance(given.value, str) and given.file is not None:
            by_file.setdefault(given.file, {})[given.source] = None
    exposed = (file for file in by_file if others_may(file, stat.S_IRGRP | stat.S_IROTH))
    return tuple(_warning(file, list(by_file[file])) for file in exposed)


def hidden_variables(levels: Levels) -> frozenset[str]:
    """The names of the variables that hold secrets."""
    return frozenset(reference.env for reference in _references(levels) if reference.env)


def several_commands(levels: Levels) -> bool:
    """Whether more than one secret is what a command says."""
    return len({reference for reference in _references(levels) if reference.command}) > 1


def _references(levels: Levels) -> Iterator[SecretRef]:
    return (given.value for given in _secrets(levels) if isinstance(given.value, SecretRef))


def _secrets(levels: Levels) -> Iterator[Given]:
    for level in (levels.defaults, *levels.groups.values(), *levels.hosts.values()):
        for key in SECRETS:
            if key in level.settings:
                yield from _each(level.settings[key])


def _each(given: Given) -> Iterator[Given]:
    """`answers` holds one secret for each question, the other settings are one."""
    values = given.value.values() if isinstance(given.value, dict) else [given.value]
    return (msgspec.structs.replace(given, value=value) for value in values)


def _warning(file: Path, sources: list[str]) -> str:
    more = f", and {len(sources) - 1} more" if len(sources) > 1 else ""
    return f"{sources[0]}{more}: a plain secret in a file that others can read: chmod 600 {file}, or use {{env: NAME}}"
