"""Which steps of a job are worth a question, and why: see cli/perils.py for what counts as one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from fleetctl.cli.perils import perils_of
from fleetctl.jobs.language import Job, Local, Reboot, Run, Script, Step

_MOST_BYTES = 256 * 1024


def perils_in(job: Job, more: Sequence[re.Pattern[str]] = (), *, built_in: bool = True) -> list[str]:
    """What is dangerous in a job, each with the step that does it: `rm in "clean up"`.

    Args:
        more, built_in: see `perils_of`.
    """
    return [
        f'{", ".join(found)} in "{step.name}"'
        for step in (*job.steps, *job.handlers)
        if (found := _perils(step, more, built_in=built_in))
    ]


def _perils(step: Step, more: Sequence[re.Pattern[str]], *, built_in: bool) -> list[str]:
    if isinstance(step.action, Reboot) and built_in:
        return ["reboot"]
    found = [peril for line in _lines(step) for peril in perils_of(line, more, built_in=built_in)]
    return list(dict.fromkeys(found))


def _lines(step: Step) -> Iterator[str]:
    """What shells will read, as it is written."""
    action = step.action
    if isinstance(action, Run | Local):
        yield action.line
    elif isinstance(action, Script):
        with suppress(OSError), open(Path(step.file).parent / Path(action.file).expanduser(), "rb") as script:
            yield script.read(_MOST_BYTES).decode(errors="replace")  # one that is not there is told of elsewhere
