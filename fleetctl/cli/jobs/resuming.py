"""What `fleetctl job resume` does: find out where each host stopped, and type the run's words again for those left."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from fleetctl.cli.job_options import Resumption
from fleetctl.cli.past import JOB_RUN, NOT_OK, ended, last, open_history
from fleetctl.cli.retyping import carry_on, check_at_rest, in_brief, retyped, still_there
from fleetctl.cli.talk import say, warn
from fleetctl.cli.typed import typed
from fleetctl.errors import HistoryError
from fleetctl.events import Status
from fleetctl.history.history import History
from fleetctl.history.records import RunRecord
from fleetctl.inventory.mistakes import did_you_mean
from fleetctl.jobs.language import Job, Set, Step, TemplateFile
from fleetctl.jobs.reading.job_file import load_job
from fleetctl.jobs.resuming import points
from fleetctl.jobs.sequence import Point
from fleetctl.nodes import fold

_GO_ON = "fleetctl job resume"


def resume_job(word: str | None, wanted: Resumption) -> None:
    """Raises: typer.Exit with the exit code of what is done; HistoryError, UsageError and its kinds before that."""
    here = typed().directory or "/"
    with open_history() as history:
        record = last(history, {JOB_RUN}) if word is None else history.run(word)
        _check_run(record, history)
        chain = history.chain(record.id)
        newest = history.run(chain[-1])
        names = ended(history.latest(record.id), NOT_OK)
        known = points(history.events(run) for run in chain) if names else {}
    if not names:
        say(f"nothing is left to do: no host of {record.id} is not {Status.OK}")
        return
    words, context = retyped(record, _GO_ON, wanted.variables, _changed(wanted))
    names = still_there(names, wanted.target, here, context.params)
    if not names:
        where = f"in the {'target' if wanted.target else 'inventory'}"
        say(f"nothing is left to do: no host of {record.id} that is not {Status.OK} is {where}")
        return
    left = {name: known.get(name, Point()) for name in names}
    job = load_job(Path(context.params["file"]))
    _check_job(job, newest, left, is_allowed=wanted.allow_changed)
    _check_values(job, record, left)
    say(f"resuming: {record.operation} on {in_brief(names)}, of {record.id}")
    if not wanted.quiet:
        _tell_where(newest, left)
    carry_on(msgspec.structs.replace(words, points=left), context, names)


def _check_run(record: RunRecord, history: History) -> None:
    if record.origin.command != JOB_RUN:
        hint = f"`fleetctl rerun {record.id}` does again what it did, where it is not ok"
        raise HistoryError(f"{record.id} is no run of a job, but of fleetctl {record.origin.command}", hint=hint)
    check_at_rest(record, history, "wait for it")


def _changed(wanted: Resumption) -> dict[str, Any]:
    """The options that are given anew, as they stand in a context."""
    files = {"save": wanted.save, "failed_to": wanted.failed_to}
    named = {name: str(path.absolute()) for name, path in files.items() if path is not None}
    names = ("step", "fanout", "output", "diff", "quiet", "verbose", "yes")
    return named | {name: value for name in names if (value := getattr(wanted, name))}


def _check_job(job: Job, newest: RunRecord, left: Mapping[str, Point], *, is_allowed: bool) -> None:
    """Raises: HistoryError when the job is another one now, and may not be, or has no such step any more."""
    if newest.origin.job in {"", job.digest}:
        return
    if not is_allowed:
        hint = (
            "--allow-changed goes on with it as it is now, and finds steps by their names; "
            f"`fleetctl rerun {newest.id}` plays it from its beginning"
        )
        raise HistoryError(f"{job.file} has changed since {newest.id}, or what it includes has", hint=hint)
    steps = [step.name for step in (*job.steps, *job.handlers)]
    for host, point in left.items():
        for name in filter(None, (point.step, *point.notified)):
            if name not in steps:
                hint = f"give the step its name back, or begin again there: fleetctl rerun {newest.id} -t {host}"
                message = f"{host} has to go on with step {name!r}, which {job.file} does not have any more"
                raise HistoryError(message + did_you_mean(name, steps), hint=hint)
    gone = set().union(*(point.done for point in left.values())) - set(steps)
    if gone:
        names = ", ".join(map(repr, sorted(gone)))
        warn(f"these steps were done, and are there no more; under another name they are done again: {names}")


def _check_values(job: Job, record: RunRecord, left: Mapping[str, Point]) -> None:
    """Raises: HistoryError when a step that is left needs what is not on record."""
    alike: dict[tuple[frozenset[str], frozenset[str], tuple[tuple[str, str], ...]], list[str]] = {}
    for host, point in left.items():
        alike.setdefault((point.done, frozenset(point.results), tuple(point.lost.items())), []).append(host)
    lost: dict[tuple[str, str], list[str]] = {}
    for hosts in alike.values():
        for step, why in _needed(job, left[hosts[0]]):
            lost.setdefault((step, why), []).extend(hosts)
    if not lost:
        return
    (step, why), hosts = next(iter(lost.items()))
    everywhere = fold(host for some in lost.values() for host in some)
    hint = (
        f"begin again there: fleetctl rerun {record.id} -t {everywhere}; "
        f"go on with the others: {_GO_ON} {record.id} -t '@*!{everywhere}'"
    )
    message = f"what step {step!r} came to on {in_brief(hosts)} is needed, and is not on record: {why}"
    raise HistoryError(message, hint=hint)


def _needed(job: Job, point: Point) -> Iterator[tuple[str, str]]:
    """The steps whose results or variables are lost and may be asked for by those that are left, and why."""
    steps = {step.name: step for step in job.steps}
    known = point.done | point.lost.keys()
    rest = [*(step for step in job.steps if step.name not in known), *job.handlers]
    words = f"{rest} {job.head.vars}"
    for name, why in (_not_registered(job, point) | dict(point.lost)).items():
        given = _given_by(steps[name]) if name in steps else []
        in_files = any(isinstance(step.action, TemplateFile) for step in rest)
        if not given or in_files or any(re.search(rf"\b{re.escape(word)}\b", words) for word in given):
            yield name, why


def _not_registered(job: Job, point: Point) -> dict[str, str]:
    """Steps that were done when the job did not have them register what it asks for now."""
    registering = {step.name: step.how.register for step in job.steps if step.how.register}
    return {
        name: f"it had no `register: {word}` then"
        for name, word in registering.items()
        if name in point.done and word not in point.results
    }


def _given_by(step: Step) -> list[str]:
    """What later steps may call it by."""
    values: Iterable[str] = step.action.values if isinstance(step.action, Set) else ()
    return [*filter(None, [step.how.register]), *values]


def _tell_where(newest: RunRecord, left: Mapping[str, Point]) -> None:
    """At which step which hosts go on, in the order of the steps."""
    order = (*newest.origin.steps, *newest.origin.handlers)
    at: dict[str, list[str]] = {}
    for host, point in left.items():
        nexts = (point.step, *(step for step in newest.origin.steps if step not in point.done), *point.notified)
        at.setdefault(next(filter(None, nexts), ""), []).append(host)
    for step in sorted(at, key=lambda step: order.index(step) if step in order else len(order)):
        say(f"  {f'at {step!r}' if step else 'with nothing more to do'}: {in_brief(at[step])}")
