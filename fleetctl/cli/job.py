"""`fleetctl job`: scripted jobs, step by step on many hosts."""

from __future__ import annotations

from typing import Annotated

import typer

from fleetctl.cli.expand import expanded
from fleetctl.cli.guard_options import Guards
from fleetctl.cli.job_options import (
    Course,
    JobFile,
    JobOutput,
    JobVariables,
    PlanOutput,
    Rehearsal,
    Resumption,
    RunToResume,
)
from fleetctl.cli.options import Access, Pace, Privilege, Selection
from fleetctl.cli.rollout_options import Batches, Limits

_HELP = """Play scripted jobs on many hosts: the steps of a YAML file, each host as fast as it can.

fleetctl job new deploy
fleetctl job check deploy.yaml
fleetctl job plan deploy.yaml
fleetctl job rehearse deploy.yaml --faults
fleetctl job run deploy.yaml -t @web -e version=1.2
fleetctl job resume
"""

app = typer.Typer(help=_HELP, no_args_is_help=True)


@app.command()
@expanded
def run(
    context: typer.Context,
    file: JobFile,
    selection: Selection,
    access: Access,
    privilege: Privilege,
    course: Course,
    pace: Pace,
    limits: Limits,
    batches: Batches,
    output: JobOutput,
    guards: Guards,
) -> None:
    """Play a job file: each host walks through its steps, as fast as it can.

    What is typed wins over `targets`, `vars` and `policy` of the file. Every mistake of it is told before anyone is
    contacted.

    fleetctl job run deploy.yaml
    fleetctl job run deploy.yaml -t @web -e version=1.2 --batch 1,50%
    fleetctl job run deploy.yaml --tags config --diff
    """
    from fleetctl.cli.jobs.running import run_job
    from fleetctl.cli.orders import Orders

    orders = Orders("job run", selection, access, pace, output, privilege, guards, limits=limits, batches=batches)
    raise typer.Exit(run_job(file, course, orders, context))


@app.command()
@expanded
def plan(
    context: typer.Context,
    file: JobFile,
    selection: Selection,
    access: Access,
    privilege: Privilege,
    course: Course,
    limits: Limits,
    batches: Batches,
    output: PlanOutput,
) -> None:
    """Say what a job would do on each host, without connecting; `job run --dry-run` does the same.

    fleetctl job plan deploy.yaml
    fleetctl job plan deploy.yaml -t web01 -e version=1.2 --tags config
    """
    from fleetctl.cli.jobs.running import run_job
    from fleetctl.cli.options import Output
    from fleetctl.cli.orders import Orders

    seen = Output(output.output, quiet=output.quiet, verbose=output.verbose, dry_run=True)
    orders = Orders("job plan", selection, access, output=seen, privilege=privilege, limits=limits, batches=batches)
    raise typer.Exit(run_job(file, course, orders, context))


@app.command()
@expanded
def rehearse(
    context: typer.Context,
    file: JobFile,
    selection: Selection,
    rehearsal: Rehearsal,
    course: Course,
    pace: Pace,
    limits: Limits,
    batches: Batches,
    output: JobOutput,
) -> None:
    """Play a job on lab hosts of this machine, called like its own: what it would run is told, and not run."""
    from fleetctl.cli.jobs.rehearsing import rehearse_job
    from fleetctl.cli.orders import Orders

    orders = Orders("job rehearse", selection, pace=pace, output=output, limits=limits, batches=batches)
    raise typer.Exit(rehearse_job(file, course, rehearsal, orders, context))


@app.command()
@expanded
def resume(resumption: Resumption, run: RunToResume = None) -> None:
    """Go on with a job that was cut short: each host that is not ok at the step where it stopped.

    The words of the run are typed again, in the same directory. What a host has done is not done again, and what it
    registered and set is known; the step that failed, or was under way, is begun anew.

    fleetctl job resume
    fleetctl job resume 20261126-014731-a1b2c3 --allow-changed
    """
    from fleetctl.cli.jobs.resuming import resume_job

    resume_job(run, resumption)


@app.command()
@expanded
def check(
    file: JobFile,
    selection: Selection,
    variables: JobVariables = [],  # noqa: B006 - typer copies it
) -> None:
    """Find every mistake of a job file without connecting, for the hosts that it is for.

    Its keys, its templates and what they name, the files that it sends, its targets. Warnings do not count.
    """
    from fleetctl.cli.jobs.checking import check_file

    typer.echo(check_file(file, variables, selection))


@app.command()
def schema() -> None:
    """The JSON schema of job files, for editors."""
    from fleetctl.cli.jobs.writing import schema_text

    typer.echo(schema_text())


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called: NAME.yaml is written.")],
) -> None:
    """Write the beginning of a job, with comments."""
    from fleetctl.cli.jobs.writing import write_starter

    typer.echo(write_starter(name))
