"""What the options for repeatable commands say together."""

from __future__ import annotations

import re

import typer

from fleetctl.cli.repeat_options import Repetition
from fleetctl.operations.repeat import DELAY_SECONDS, RETRIES, Repeat, until


def repeat_of(options: Repetition) -> Repeat | None:
    """How a command is run again; None to run it once. Raises: typer.BadParameter."""
    if not (options.retry_commands or options.until or options.until_output):
        if options.delay is not None:
            raise typer.BadParameter("--delay is for --retry-commands, --until and --until-output")
        return None
    try:
        condition = until(options.until) if options.until else None
    except ValueError as error:
        raise typer.BadParameter(f"--until: {error}") from error
    try:
        re.compile(options.until_output or "")
    except re.error as error:
        raise typer.BadParameter(f"--until-output: {options.until_output!r}: {error}") from error
    return Repeat(
        options.retry_commands or RETRIES, options.delay or DELAY_SECONDS, condition, options.until_output or ""
    )
