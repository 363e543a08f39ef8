"""The options that only jobs have, and those that mean something else with them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from fleetctl.cli.completion import complete_run, complete_target
from fleetctl.cli.options import ELSE, FailedTo, OtherFanout, OtherView, Output, Quiet, Save, Verbosity, ViewName, Yes
from fleetctl.cli.values import variable

_STEPS = "Which steps, and with what"
_REHEARSAL = "What happens there"

JobFile = Annotated[Path, typer.Argument(metavar="FILE", help="The job file, in YAML.", show_default=False)]


JobVariables = Annotated[
    list[str],
    typer.Option(
        "-e", "--var", metavar="NAME=VALUE", callback=variable, rich_help_panel=_STEPS,
        help="Set a variable of the job, over what it and the inventory say; may be given again.",
    ),
]  # fmt: skip


class Course(msgspec.Struct, frozen=True):
    """Which steps of a job are done, and with what variables."""

    variables: JobVariables = msgspec.field(default_factory=list)
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


class PlanOutput(msgspec.Struct, frozen=True):
    """What the user sees of a plan."""

    output: Annotated[
        ViewName | None,
        typer.Option("-o", "--output", metavar="VIEW", rich_help_panel=_STEPS, help="As events: json, ndjson."),
    ] = None
    quiet: Quiet = False
    verbose: Verbosity = 0


class JobOutput(Output, frozen=True):
    """What the user sees of a job that is played."""

    diff: Annotated[
        bool, typer.Option("--diff", rich_help_panel=_STEPS, help="Show what `template` changes in files.")
    ] = False


RunToResume = Annotated[
    str | None,
    typer.Argument(
        metavar="[RUN]", autocompletion=complete_run, show_default=False,
        help="An id, or as much of it as only one has; without it the last run of a job.",
    ),
]  # fmt: skip

_WHICH = "Which of its hosts"


class Resumption(msgspec.Struct, frozen=True):
    """Of which hosts a job is gone on with, and what is not as it was typed for the run."""

    target: Annotated[
        list[str],
        typer.Option(
            "-t", "--target", "-w", metavar="TARGET", rich_help_panel=_WHICH, autocompletion=complete_target,
            help="Of those that are not ok, only those that are in TARGET, too.",
        ),
    ] = msgspec.field(default_factory=list)  # fmt: skip
    allow_changed: Annotated[
        bool,
        typer.Option(
            "--allow-changed", rich_help_panel=ELSE,
            help="Go on also where the job file has changed: steps are found by their names.",
        ),
    ] = False  # fmt: skip
    variables: Annotated[
        list[str],
        typer.Option(
            "-e", "--var", metavar="NAME=VALUE", callback=variable, rich_help_panel=ELSE,
            help="Set a variable; needed where a secret was set, which is not kept.",
        ),
    ] = msgspec.field(default_factory=list)  # fmt: skip
    step: Annotated[bool, typer.Option("--step", rich_help_panel=ELSE, help="Ask before each step.")] = False
    fanout: OtherFanout = None
    output: OtherView = None
    diff: Annotated[
        bool, typer.Option("--diff", rich_help_panel=ELSE, help="Show what `template` changes in files.")
    ] = False
    failed_to: FailedTo = None
    save: Save = None
    quiet: Quiet = False
    verbose: Verbosity = 0
    yes: Yes = False


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
