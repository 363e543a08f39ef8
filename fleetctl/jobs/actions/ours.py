"""What is wrong with files of this machine fails the step, where it would end a command before it begins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fleetctl.errors import StepFailed, UsageError

_IN_A_JOB = {
    "--as": "`layout`", "--delete": "`delete`", "--exclude": "`exclude`", "--mkdir": "`mkdir: true`", "LOCAL": "`dest`"
}  # fmt: skip
"""What the words of a command line are called there."""


@contextmanager
def told_as_failure() -> Iterator[None]:
    """Raises: StepFailed for a UsageError."""
    try:
        yield
    except UsageError as error:
        hint = "" if "-r" in error.hint.split() else error.hint  # directories are always taken whole
        raise StepFailed(worded(error.message), hint=worded(hint)) from error


def worded(text: str) -> str:
    """What is said of a command line, in the words of a job."""
    for option, key in _IN_A_JOB.items():
        text = text.replace(option, key)
    return text
