"""A job file as a Job: every key checked, every mistake told with its file, its line and what stands there.

Templates are read by `checking`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from fleetctl.errors import JobError, Problem
from fleetctl.inventory.document import Document, Section
from fleetctl.inventory.mistakes import did_you_mean
from fleetctl.jobs.language import Head, Job, Local, Step
from fleetctl.jobs.reading.fields import at, check_user, check_variables, read, refuse_unknown, section
from fleetctl.jobs.reading.including import Library
from fleetctl.jobs.reading.naming import named
from fleetctl.jobs.reading.steps import Written

_KEYS = (*Head.__struct_fields__, "steps", "handlers")


class Reading(msgspec.Struct, frozen=True):
    """A job, as far as it can be read, and every problem of its file and those that it includes."""

    job: Job
    problems: list[Problem]


def load_job(path: Path) -> Job:
    """The job that a file describes. Raises: JobError with every problem."""
    reading = read_job(path)
    if reading.problems:
        raise JobError(reading.problems)
    return reading.job


def read_job(path: Path) -> Reading:
    """For who can do with a part of a job."""
    library = Library()
    job = _job(library.open(path), library)
    return Reading(job, library.problems())


def _job(document: Document, library: Library) -> Job:
    content = _content(document)
    head = _head(document, content)
    steps, handlers = (_steps(document, content, key, library) for key in ("steps", "handlers"))
    _check_notices((*steps, *handlers), handlers)
    names = named((*steps, *handlers))
    done = tuple(_with_defaults(step, head) for step in names)
    return Job(
        head=head,
        steps=done[: len(steps)],
        handlers=done[len(steps) :],
        file=str(document.path),
        digest=_digest(library.documents.values()),
    )


def _content(document: Document) -> Section:
    if document.value is None and not document.problems:
        document.complain((), "is empty: it wants at least `steps`")
    if isinstance(document.value, list):
        document.complain((), "must be a mapping with `steps`, not a list; a list of steps is for `include`")
        return Section()
    return section(document, (), document.value)


def _steps(document: Document, content: Section, key: str, library: Library) -> list[Written]:
    value = content.get(key)
    if content and key == "steps" and not value:
        document.complain(("steps",), "wants a list of steps")
    return [] if value is None else list(library.steps(document, (key,), value, (document.path.resolve(),)))


def _head(document: Document, content: Section) -> Head:
    refuse_unknown(document, (), content, _KEYS)
    head = Head(**read(document, (), content, Head))
    if content.get("targets") == []:  # which must not be as if nothing were said, and mean the default target
        document.complain(("targets",), "is empty: name hosts, or leave it out for the inventory's default target")
    check_variables(document, ("env",), head.env)
    check_user(document, ("sudo",), head.sudo)
    return head


def _check_notices(steps: Iterable[Written], handlers: list[Written]) -> None:
    names = [one.step.name or one.label for one in handlers]
    for one in steps:
        for number, name in enumerate(one.step.how.notify):
            if name not in names:
                said = f"no handler is called {name!r}{did_you_mean(name, names)}"
                place = (*one.place, "notify")
                is_list = isinstance(at(one.document, place), list)
                one.document.complain((*place, f"[{number}]") if is_list else place, said)


def _with_defaults(step: Step, head: Head) -> Step:
    """A step with what the head says of all."""
    how = step.how
    return msgspec.structs.replace(
        step,
        how=msgspec.structs.replace(
            how,
            sudo=head.sudo if how.sudo is None else how.sudo,
            env={**head.env, **how.env},
            cwd=how.cwd or ("" if isinstance(step.action, Local) else head.cwd),  # that is a directory of the hosts
            timeout=head.policy.timeout if how.timeout is None else how.timeout,
        ),
    )


def _digest(documents: Iterable[Document]) -> str:
    """Another one when any of the files is another."""
    said = hashlib.blake2b(digest_size=16)
    for document in documents:
        said.update(hashlib.blake2b(document.data).digest())
    return said.hexdigest()
