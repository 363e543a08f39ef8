"""`fleetctl job`: scripted jobs, step by step on many hosts."""

from __future__ import annotations

import typer

from fleetctl.cli.expand import expanded
from fleetctl.cli.guard_options import Guards
from fleetctl.cli.job_options import Course, JobFile, JobOutput
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
