"""The options that hold a run back: until a person agrees, until no other run is at work."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from fleetctl.cli.values import duration, filled

_GUARDS = "Guards"


class Guards(msgspec.Struct, frozen=True):
    """What must be so before anyone is contacted."""

    confirm: Annotated[
        bool,
        typer.Option("--confirm", rich_help_panel=_GUARDS, help="Ask before anything is done, whatever it is."),
    ] = False
    lock: Annotated[
        str | None,
        typer.Option(
            "--lock", metavar="NAME", callback=filled, rich_help_panel=_GUARDS,
            help="Stop when another run with this name is at work.",
        ),
    ] = None  # fmt: skip
    lock_wait: Annotated[
        float | None,
        typer.Option(
            "--lock-wait", metavar="TIME", parser=duration, rich_help_panel=_GUARDS,
            help="Wait so long for it instead: 90s, 10m.",
        ),
    ] = None  # fmt: skip
