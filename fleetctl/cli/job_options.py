"""The options that only jobs have, and those that mean something else with them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from fleetctl.cli.options import Output
from fleetctl.cli.values import variable

_STEPS = "Which steps, and with what"
_REHEARSAL = "What happens there"

JobFile = Annotated[Path, typer.Argument(metavar="FILE", help="The job file, in YAML.", show_default=False)]


class Course(msgspec.Struct, frozen=True):
    """Which steps of a job are done, and with what variables."""

    variables: Annotated[
        list[str],
        typer.Option(
            "-e", "--var", metavar="NAME=VALUE", callback=variable, rich_help_panel=_STEPS,
            help="Set a variable of the job, over what it and the inventory say; may be given again.",
        ),
    ] = msgspec.field(default_factory=list)  # fmt: skip
    tags: Annotated[
        list[str],
        typer.Option("--tags", metavar="TAG,...", rich_help_panel=_STEPS, help="Only steps that have one of these."),
    ] = msgspec.field(default_factory=list)
    skip_tags: Annotated[
        list[str],
        typer.Option("--skip-tags", metavar="TAG,...", rich_help_panel=_STEPS, help="No step that has one of these."),
    ] = msgspec.field(default_factory=list)
    start_at: Annotated[
        str,
        typer.Option("--start-at", metavar="STEP", rich_help_panel=_STEPS, help="Begin with the step of this name."),
    ] = ""
    step: Annotated[
        bool, typer.Option("--step", rich_help_panel=_STEPS, help="Ask before each step; all hosts take it together.")
    ] = False


class JobOutput(Output, frozen=True):
    """What the user sees of a job that is played."""

    diff: Annotated[
        bool, typer.Option("--diff", rich_help_panel=_STEPS, help="Show what `template` changes in files.")
    ] = False


class Rehearsal(msgspec.Struct, frozen=True):
    """How a job is rehearsed."""

    faults: Annotated[
        bool,
        typer.Option(
            "--faults", rich_help_panel=_REHEARSAL,
            help="Let things go wrong on some hosts: failing steps, dropped connections, slow hosts, closed doors.",
        ),
    ] = False  # fmt: skip
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            metavar="N",
            rich_help_panel=_REHEARSAL,
            help="The same faults as with this seed before; has --faults in it.",
        ),
    ] = None
    answer: Annotated[
        list[str],
        typer.Option(
            "--answer", metavar="STEP=TEXT", rich_help_panel=_REHEARSAL,
            help="What the step's command writes there; may be given again.",
        ),
    ] = msgspec.field(default_factory=list)  # fmt: skip
