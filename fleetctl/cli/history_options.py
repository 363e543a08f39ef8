"""The options of the commands that look at what was done."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from fleetctl.cli.completion import complete_run
from fleetctl.cli.moments import beginning, end
from fleetctl.events import Status

RUN_HELP = "Its id, a beginning or end of it, or: last."


class Form(StrEnum):
    """How a list or a comparison is written."""

    TEXT = "text"
    JSON = "json"


FormOption = Annotated[Form, typer.Option("-o", "--output", metavar="FORM", help="text|json")]

RunArgument = Annotated[str, typer.Argument(metavar="[RUN]", autocompletion=complete_run, help=RUN_HELP)]

FileOption = Annotated[
    Path, typer.Option("--html", metavar="FILE", help="Where the page goes; - is stdout.", show_default=False)
]


class Filter(msgspec.Struct, frozen=True):
    """Which runs."""

    status: Annotated[
        Status | None,
        typer.Option("--status", metavar="STATUS", help="In which a host ended so: failed, unreachable, ok …"),
    ] = None
    host: Annotated[
        str, typer.Option("--host", metavar="HOST", help="That were for it; with --status, in which it ended so.")
    ] = ""
    since: Annotated[
        float | None,
        typer.Option("--since", metavar="TIME", parser=beginning, help="Begun then or later: 2d, today, 2026-11-01."),
    ] = None
    until: Annotated[
        float | None, typer.Option("--until", metavar="TIME", parser=end, help="Begun before that, or on that day.")
    ] = None
    text: Annotated[str, typer.Option("--text", metavar="WORDS", help="With these words in the command line.")] = ""
    number: Annotated[int, typer.Option("-n", "--number", metavar="N", min=1, help="At most so many.")] = 20
