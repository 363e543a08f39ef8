"""`fleetctl rerun`: go on with a run where it is not yet done."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from fleetctl.cli.completion import complete_run, complete_target
from fleetctl.cli.expand import expanded
from fleetctl.cli.options import ELSE, Diff, DryRun, Fold, OtherFanout, OtherView, Quiet, Save, Verbosity, Yes
from fleetctl.cli.values import variable

_WHICH = "Which of its hosts"


class Which(msgspec.Struct, frozen=True):
    """Which hosts of the run it is for: those of every option given, all that are not ok where none is."""

    failed: Annotated[
        bool, typer.Option("--failed", rich_help_panel=_WHICH, help="Where it failed: failed, error.")
    ] = False
    unreachable: Annotated[
        bool,
        typer.Option(
            "--unreachable", rich_help_panel=_WHICH,
            help="That were not reached: unreachable, denied, untrusted, timeout.",
        ),
    ] = False  # fmt: skip
    unfinished: Annotated[
        bool,
        typer.Option(
            "--unfinished", rich_help_panel=_WHICH,
            help="That it did not come to, or not to the end of: cancelled, skipped, no end on record.",
        ),
    ] = False  # fmt: skip
    not_ok: Annotated[
        bool, typer.Option("--not-ok", rich_help_panel=_WHICH, help="All of these; so it is without an option.")
    ] = False
    target: Annotated[
        list[str],
        typer.Option(
            "-t", "--target", "-w", metavar="TARGET", rich_help_panel=_WHICH, autocompletion=complete_target,
            help="Of these, only those that are in TARGET, too.",
        ),
    ] = msgspec.field(default_factory=list)  # fmt: skip


class Changes(msgspec.Struct, frozen=True):
    """What is not as it was typed for the run."""

    env: Annotated[
        list[str],
        typer.Option(
            "-e", "--env", metavar="NAME=VALUE", callback=variable, rich_help_panel=ELSE,
            help="Set a variable; needed where a secret was set, which is not kept.",
        ),
    ] = msgspec.field(default_factory=list)  # fmt: skip
    fanout: OtherFanout = None
    output: OtherView = None
    fold: Fold = False
    diff: Diff = False
    save: Save = None
    quiet: Quiet = False
    verbose: Verbosity = 0
    yes: Yes = False
    dry_run: DryRun = False


@expanded
def rerun(
    which: Which,
    changes: Changes,
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN]", autocompletion=complete_run, show_default=False,
            help="An id, or as much of it as only one has; without it the last run.",
        ),
    ] = None,
) -> None:  # fmt: skip
    """Do again what a run did, where it is not ok yet.

    The same words are typed again, in the same directory. What other reruns of the run have made ok is left out.
    A job is played from its beginning: fleetctl job resume goes on with it where each host stopped.

    fleetctl rerun
    fleetctl rerun 20261126-014731-a1b2c3 --unfinished
    """
    from fleetctl.cli.again import go_on

    go_on(run, which, changes)
