"""What `fleetctl job check` does, and what `job run` does first: find what is wrong with a job without connecting."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from fleetctl.cli.options import Selection
from fleetctl.cli.selecting import unwanted, wanted
from fleetctl.cli.sources import load_inventory
from fleetctl.cli.talk import warn
from fleetctl.errors import JobError, Problem, TargetError
from fleetctl.inventory import Inventory
from fleetctl.jobs.checking.check import check_job, refuse_mistakes
from fleetctl.jobs.checking.finding import Notes, Spot
from fleetctl.jobs.given import variables
from fleetctl.jobs.language import Job
from fleetctl.jobs.reading.job_file import read_job
from fleetctl.jobs.sequence import Sequence as Played
from fleetctl.model import Host
from fleetctl.sizes import counted


def check_file(file: Path, pairs: Sequence[str], selection: Selection) -> str:
    """Look at all of a job file, and warn of what is likely to go wrong.

    Returns: what it is, in a line, when nothing is wrong with it.
    Raises: JobError with all that is; UsageError and its kinds.
    """
    reading = read_job(file)
    job = reading.job
    inventory = load_inventory(selection.inventory, selection.host)
    names, wrong_targets = _selected(job, inventory, selection)
    hosts = inventory.places(names)
    findings = check_job(job, hosts, variables(pairs, job))
    for warning in findings.warnings:
        warn(str(warning))
    # What cannot be read is told by the reading, and perhaps once more by who looks for it.
    told = {(problem.file, problem.line, problem.path) for problem in reading.problems}
    more = [one for one in findings.problems if (one.file, one.line, one.path) not in told]
    if problems := [*reading.problems, *wrong_targets, *more]:
        raise JobError(_in_order(problems))
    parts = [counted(len(job.steps), "step"), counted(len(job.handlers), "handler"), counted(len(hosts), "host")]
    return f"{file} is fine: {', '.join(part for part in parts if not part.startswith('0 '))}"


def refuse(sequence: Played, hosts: Sequence[Host]) -> None:
    """Raises: JobError when something is wrong with a job that is to be played on these hosts."""
    if warnings := refuse_mistakes(sequence.job, hosts, sequence.extra):
        command = shlex.join(["fleetctl", "job", "check", sequence.job.file])
        warn(f"{counted(len(warnings), 'warning')} about {sequence.job.file}: {command} tells")


def _selected(job: Job, inventory: Inventory, selection: Selection) -> tuple[Sequence[str], list[Problem]]:
    """The hosts that a job is for, and what is wrong with its own targets; all hosts, when something is.

    Raises: TargetError for those that were typed.
    """
    excluded = unwanted(selection)
    if typed := wanted(selection):
        return inventory.select(*typed, exclude=excluded), []
    notes = Notes()
    for number, target in enumerate(job.head.targets):
        try:
            inventory.select(target)
        except TargetError as error:
            notes.problem(Spot(job.file).at("targets", f"[{number}]"), error.message)
    if wrong := notes.findings([job.file]).problems:
        return inventory.names, wrong
    return inventory.select(*job.head.targets, exclude=excluded), []


def _in_order(problems: Sequence[Problem]) -> list[Problem]:
    order = {file: number for number, file in enumerate(dict.fromkeys(problem.file for problem in problems))}
    return sorted(problems, key=lambda problem: (order[problem.file], problem.line))
