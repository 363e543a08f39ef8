"""`fleetctl job`: scripted jobs, step by step on many hosts."""

from __future__ import annotations

import typer

from fleetctl.cli.expand import expanded
from fleetctl.cli.guard_options import Guards
from fleetctl.cli.job_options import Course, JobFile, JobOutput, Rehearsal
from fleetctl.cli.options import Access, Pace, Privilege, Selection
from fleetctl.cli.rollout_options import Batches, Limits

app = typer.Typer(help="Play scripted jobs on many hosts.", no_args_is_help=True)


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
    """Play a job file: each host walks through its steps, as fast as it can."""
    from fleetctl.cli.jobs.running import run_job
    from fleetctl.cli.orders import Orders

    orders = Orders("job run", selection, access, pace, output, privilege, guards, limits=limits, batches=batches)
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
