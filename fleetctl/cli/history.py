"""`fleetctl history`, `show`, `compare` and `report`: what was done, listed, told again, compared, and as a page."""

from __future__ import annotations

from typing import Annotated

import typer

from fleetctl.cli.completion import complete_run
from fleetctl.cli.expand import expanded
from fleetctl.cli.history_options import RUN_HELP, FileOption, Filter, Form, FormOption, RunArgument
from fleetctl.cli.options import Look


@expanded
def history(filter_: Filter, output: FormOption = Form.TEXT) -> None:
    """List what was done, the newest first."""
    from fleetctl.cli.listing import list_runs

    list_runs(filter_, output)


@expanded
def show(
    look: Look,
    run: RunArgument = "last",
    hosts: Annotated[
        list[str] | None, typer.Argument(metavar="[HOST]...", help="Only these: web01, web[01-20].")
    ] = None,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit as the run did.")] = False,
) -> None:
    """Tell a run again, in any view, as if it happened now."""
    from fleetctl.cli.retelling import tell_again

    raise typer.Exit(tell_again(run, hosts or [], look, exit_code=exit_code))


def compare(
    before: Annotated[str, typer.Argument(metavar="RUN", autocompletion=complete_run, help=RUN_HELP)],
    after: RunArgument = "last",
    output: FormOption = Form.TEXT,
) -> None:
    """Say which hosts have another status or output in one run than in another. Exits with 1 where any has."""
    from fleetctl.cli.comparing import compare_runs

    raise typer.Exit(compare_runs(before, after, output))


def report(
    html: FileOption,
    run: RunArgument = "last",
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Replace a file that is there.")] = False,
) -> None:
    """Write a run as one page for a browser: verdict, timelines, outputs. It fetches nothing from anywhere."""
    from fleetctl.cli.reporting import write_report

    write_report(run, html, yes=yes)
