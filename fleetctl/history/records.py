"""What is known of a run besides its events: who began it, from where, with what words, and how it ended."""

from __future__ import annotations

from typing import Any

import msgspec

from fleetctl.events import Status


class Origin(msgspec.Struct, frozen=True):
    """Where a run comes from, known before it begins.

    Args:
        command: the subcommand: `run`, `put`.
        argv: what was typed after `fleetctl`, secrets masked.
        masked: whether anything in it was, so that it cannot be typed again as it is.
        directory: where it was typed.
        user: who typed it, here.
        machine: the name of this machine, with the address that the user came from by ssh, if so.
        inventory: a digest of all that the inventory says.
        targets: the target expressions, as they were given.
        policy: how it is carried out: fanout, time-outs, batches; for people and programs to read.
        parent: the run that this one goes on with, or "".
        reads_stdin: whether the commands read what was piped in, which is not kept.
        steps, handlers: as in RunStarted.
        resumes: it goes on where hosts stopped in the run before it, and does not do all again.
        job: a digest of the job file and all that it includes; "" where there is none.
    """

    command: str
    argv: tuple[str, ...]
    masked: bool = False
    directory: str = ""
    user: str = ""
    machine: str = ""
    inventory: str = ""
    targets: tuple[str, ...] = ()
    policy: dict[str, Any] = {}
    parent: str = ""
    reads_stdin: bool = False
    steps: tuple[str, ...] = ()
    handlers: tuple[str, ...] = ()
    job: str = ""
    resumes: bool = False


class RunRecord(msgspec.Struct, frozen=True):
    """A run as history has it.

    Args:
        id: names it.
        started: seconds since the epoch.
        seconds: how long it took; None while it goes on, and for ever when its process died.
        operation: a line for people.
        hosts: how many.
        counts: hosts by status, as far as they have ended; the rest is unfinished.
        cancelled, stopped, overdue: as in RunFinished.
        alive: its process is still there.
    """

    id: str
    origin: Origin
    started: float
    operation: str
    hosts: int
    counts: dict[Status, int] = {}
    seconds: float | None = None
    cancelled: str = ""
    stopped: str = ""
    overdue: bool = False
    alive: bool = False

    @property
    def unfinished(self) -> int:
        """Hosts whose end is not on record."""
        return self.hosts - sum(self.counts.values())


class Retention(msgspec.Struct, frozen=True):
    """How much is kept: a run goes when any of these is exceeded, the oldest first. None is without limit.

    Args:
        days: since it began.
        runs: at most so many.
        bytes: of the database and the full outputs beside it.
    """

    days: float | None = 90.0
    runs: int | None = 1000
    bytes: int | None = 1024**3
