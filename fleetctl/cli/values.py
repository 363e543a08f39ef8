"""Words of the command line that become values: durations, rates, permissions, shares and NAME=VALUE pairs."""

from __future__ import annotations

import re
from collections.abc import Callable

import typer

from fleetctl.durations import ASK, seconds_in
from fleetctl.shares import share_in, shares_in
from fleetctl.sizes import bytes_in

_PERMISSIONS = re.compile(r"0?[0-7]{3,4}")
_SLOWEST = 1000
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*", re.DOTALL)


def duration(text: str) -> float:
    """Seconds in `30`, `1.5`, `500ms`, `90s`, `5m` or `2h`. Raises: typer.BadParameter."""
    try:
        return seconds_in(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def rate(text: str) -> float:
    """Bytes per second in `10MB/s`, `512k`. Raises: typer.BadParameter, also when a unit was forgotten."""
    try:
        size = bytes_in(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if size < _SLOWEST:
        raise typer.BadParameter(f"{text!r} is less than 1 kB/s: write 10MB/s")
    return float(size)


def permissions(text: str) -> int:
    """Permission bits in `644`, `0640` or `2755`. Raises: typer.BadParameter."""
    if not _PERMISSIONS.fullmatch(text):
        raise typer.BadParameter(f"{text!r} are no permissions: write them in octal, as 0644")
    return int(text, 8)


def variable(values: list[str]) -> list[str]:
    """Checks that each is NAME=VALUE. Raises: typer.BadParameter."""
    for value in values:
        if not _VARIABLE.fullmatch(value):
            raise typer.BadParameter(f"{value!r} is not NAME=VALUE")
    return values


def steps(text: str | None) -> str | None:
    """Checks that it is `1,10%,50%`. Raises: typer.BadParameter."""
    return _readable(text, shares_in)


def budget(text: str | None) -> str | None:
    """Checks that it is `5` or `10%`. Raises: typer.BadParameter."""
    return _readable(text, share_in)


def pause(text: str | None) -> str | None:
    """Checks that it is a span of time or `ask`. Raises: typer.BadParameter."""
    return text if text == ASK else _readable(text, seconds_in)


def filled(text: str | None) -> str | None:
    """Checks that it is not what an unset variable makes of `--lock "$NAME"`. Raises: typer.BadParameter."""
    if text is not None and not text.strip():
        raise typer.BadParameter("it is empty: leave it out, or look whether a variable is not set")
    return text


def _readable(text: str | None, read: Callable[[str], object]) -> str | None:
    """What was given, if it was: "" is no value, and does not mean that nothing was given."""
    try:
        if text is not None:
            read(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    return text
