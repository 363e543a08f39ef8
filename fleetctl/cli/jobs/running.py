"""What `fleetctl job run` does: read the job, choose its steps, and let every host walk through them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec
import typer

from fleetctl.cli.job_options import Course
from fleetctl.cli.jobs.checking import refuse
from fleetctl.cli.jobs.policy import under_what_was_typed
from fleetctl.cli.orders import Orders
from fleetctl.cli.running import carry_out
from fleetctl.cli.typed import typed
from fleetctl.jobs.choosing import chosen
from fleetctl.jobs.given import variables
from fleetctl.jobs.language import Job
from fleetctl.jobs.reading.job_file import load_job
from fleetctl.jobs.sequence import Sequence


def run_job(file: Path, course: Course, orders: Orders, context: typer.Context) -> int:
    """Returns: the process's exit code. Raises: UsageError and its kinds, before anything was contacted."""
    sequence = sequence_of(file, course, orders)
    return carry_out(sequence, orders_for(sequence.job, orders, context), check=lambda hosts: refuse(sequence, hosts))


def sequence_of(file: Path, course: Course, orders: Orders) -> Sequence:
    """The steps of a file that were asked for, and with what. Raises: JobError, UsageError."""
    job = chosen(load_job(file), _words(course.tags), _words(course.skip_tags), course.start_at)
    given = variables(course.variables, job)
    return Sequence(job, given, points=typed().points, diff=orders.output.diff, asks=course.step)


def _words(lists: Iterable[str]) -> list[str]:
    return [word.strip() for words in lists for word in words.split(",") if word.strip()]


def orders_for(job: Job, orders: Orders, context: typer.Context) -> Orders:
    """What was typed, and under it what the job file says of its targets and its policy."""
    selection = orders.selection
    if not selection.target and not selection.host:
        selection = msgspec.structs.replace(selection, target=list(job.head.targets))
    # --diff is about files here, and not about hosts that say something else than others.
    output = msgspec.structs.replace(orders.output, diff=False)
    said = msgspec.structs.replace(orders, selection=selection, output=output)
    return under_what_was_typed(said, job.head.policy, context)
