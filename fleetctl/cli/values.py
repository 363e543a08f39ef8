"""Words of the command line that become values: durations and NAME=VALUE pairs."""

from __future__ import annotations

import re

import typer

from fleetctl.durations import seconds_in

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*", re.DOTALL)


def duration(text: str) -> float:
    """Seconds in `30`, `1.5`, `500ms`, `90s`, `5m` or `2h`. Raises: typer.BadParameter."""
    try:
        return seconds_in(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def variable(values: list[str]) -> list[str]:
    """Checks that each is NAME=VALUE. Raises: typer.BadParameter."""
    for value in values:
        if not _VARIABLE.fullmatch(value):
            raise typer.BadParameter(f"{value!r} is not NAME=VALUE")
    return values
