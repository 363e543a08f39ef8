"""The options for commands that may be run again."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from fleetctl.cli.values import duration, filled

_AGAIN = "Trying again"


class Repetition(msgspec.Struct, frozen=True):
    """Whether a command is run again, how often, and until what."""

    retry_commands: Annotated[
        int | None,
        typer.Option(
            "--retry-commands", metavar="N", min=1, rich_help_panel=_AGAIN,
            help="Run it up to N times more where it fails or takes too long: only what may run twice.",
        ),
    ] = None  # fmt: skip
    until: Annotated[
        str | None,
        typer.Option(
            "--until", metavar="CONDITION", callback=filled, rich_help_panel=_AGAIN,
            help="Run it again until this holds: exit==0, exit!=1, exit<3, 'exit in 0,3'. "
            "Without --retry-commands: 3 times more.",
        ),
    ] = None  # fmt: skip
    until_output: Annotated[
        str | None,
        typer.Option(
            "--until-output", metavar="REGEX", callback=filled, rich_help_panel=_AGAIN,
            help="Likewise until its stdout has a match; of much output the last 256 KiB count.",
        ),
    ] = None  # fmt: skip
    delay: Annotated[
        float | None,
        typer.Option(
            "--delay", metavar="TIME", parser=duration, rich_help_panel=_AGAIN,
            help="How long to wait between (default: 5s).",
        ),
    ] = None  # fmt: skip
