"""What can happen in a run: the events that every engine yields and every view reads.

One run is RunStarted, then for each host HostStarted (absent when the host was never begun), any
number of Output, Transferred and Progress, exactly one HostFinished, and at the end RunFinished. A run in
batches has BatchStarted before the hosts of each and BatchFinished after them. In a job what a host says lies
between StepStarted and StepFinished of one step; a host is in one step at a time, and a cut-off one has no end.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

import msgspec

SCHEMA_VERSION = 1
"""Version of the events as JSON; raised when a field changes meaning or goes away."""

Stream = Literal["stdout", "stderr"]

_CUT_SHORT = {"stopped", "overdue"}
"""Codes of errors that say so of a run, not of a host."""

Action = Literal["sent", "fetched", "linked", "made", "unchanged", "skipped", "deleted", "failed"]
"""What became of a file; `made` is a directory."""


class Status(StrEnum):
    """How a host's part ended. `UNREACHABLE` includes a connection that died in mid-operation."""

    OK = "ok"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    DENIED = "denied"
    UNTRUSTED = "untrusted"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    ERROR = "error"


FAILED = frozenset({Status.FAILED, Status.ERROR})
"""A host was reached, and it did not go well there: exit code 1."""
UNREACHED = frozenset({Status.UNREACHABLE, Status.DENIED, Status.UNTRUSTED, Status.TIMEOUT})
"""It was not, or not for long enough: exit code 3."""


class ErrorFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a host is not ok: a stable code, a sentence, what to do, and facts for programs."""

    code: str
    message: str
    hint: str = ""
    facts: dict[str, Any] = {}


class Totals(msgspec.Struct, frozen=True):
    """What became of one host's files.

    Args:
        files: moved, links aside.
        bytes: in them; in a dry run, what would be.
        linked: symbolic links made.
        unchanged: found to be there already.
        deleted: removed, because the source has no such file.
        skipped: left out, with a word on why.
        failed: files that could not be moved.
        made: directories made, those above the destination aside.
    """

    files: int = 0
    bytes: int = 0
    linked: int = 0
    unchanged: int = 0
    skipped: int = 0
    deleted: int = 0
    failed: int = 0
    made: int = 0


class StepStatus(StrEnum):
    """How a step of a job ended on a host. `IGNORED` has failed, and the job says that this does not matter."""

    OK = "ok"
    CHANGED = "changed"
    SKIPPED = "skipped"
    FAILED = "failed"
    IGNORED = "ignored"


class StepCounts(msgspec.Struct, frozen=True, omit_defaults=True):
    """How many steps of a job ended how on one host; an ignored one counts as ok."""

    ok: int = 0
    changed: int = 0
    failed: int = 0
    skipped: int = 0


class StepResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a step came to, as templates see it: `steps.NAME.stdout`.

    Args:
        exit: the exit code; None where there was none.
        stdout: what it wrote, without the line ends at its end; the first 256 KiB of it.
        truncated: there was more.
        item: what it was done for, in a loop.
        results: of a loop, one for each item.
    """

    exit: int | None = None
    stdout: str = ""
    stderr: str = ""
    changed: bool = False
    skipped: bool = False
    failed: bool = False
    truncated: bool = False
    item: Any = None
    results: tuple[StepResult, ...] = ()


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """How one host's part ended.

    Args:
        exit_code: the remote exit status; None when there was none (killed, never ran).
        signalled: the remote command ended without an exit status on a live connection, which is
            how a server reports death by a signal.
        seconds: from the host's start to its end, connecting included.
        attempts: how many times connecting was tried.
        remote_ended: whether it is known that nothing of ours still runs on the host.
        killed: what still ran there was ended by us, and is known to have ended.
        repeats: how many times the command was run again, because the user calls it repeatable.
        timings: seconds per part, for example `connect`, `login`, `round_trip`.
        totals: what became of the files; None where none were to be moved.
        note: what else the user should know of how it was done, or "".
        steps: how the steps of a job ended; None where it was none.
        step: the name of the step at which a job stopped, or "".
    """

    status: Status
    exit_code: int | None = None
    signalled: bool = False
    error: ErrorFacts | None = None
    seconds: float = 0.0
    attempts: int = 0
    remote_ended: bool = True
    killed: bool = False
    repeats: int = 0
    timings: dict[str, float] = {}
    totals: Totals | None = None
    note: str = ""
    steps: StepCounts | None = None
    step: str = ""

    @property
    def unfinished(self) -> bool:
        """The run ended before this host's part did, or before it began: it is left to be done."""
        cut = self.error is not None and self.error.code in _CUT_SHORT
        return self.status is Status.CANCELLED or cut


class _Happening(msgspec.Struct, frozen=True, tag_field="type", kw_only=True):
    """Fields of every event: `at`, seconds since the run began, and `seq`, its place in the run."""

    at: float = 0.0
    seq: int = 0


class RunStarted(_Happening, frozen=True, tag="run_started"):
    """What is about to be done.

    Args:
        operation: a line for people.
        started: the wall clock, in seconds since the epoch.
        steps: the names of a job's steps, in order; none where it is no job.
        handlers: those of its handlers, whose numbers go on where those of the steps end.
    """

    run: str
    operation: str
    hosts: tuple[str, ...]
    fanout: int
    started: float
    steps: tuple[str, ...] = ()
    handlers: tuple[str, ...] = ()
    schema: int = SCHEMA_VERSION


class BatchStarted(_Happening, frozen=True, tag="batch_started"):
    """The hosts that are worked on next; `number` counts from 1 to `batches`."""

    number: int
    batches: int
    hosts: tuple[str, ...]


class BatchFinished(_Happening, frozen=True, tag="batch_finished"):
    """How a batch ended.

    Args:
        check: how the health check went; "" where there was none.
        unhealthy: each host that failed it, and why; `local` is a check on this machine.
        pause: seconds that the run waits now before the next batch.
    """

    number: int
    check: Literal["", "ok", "failed"] = ""
    unhealthy: dict[str, ErrorFacts] = {}
    pause: float = 0.0


class HostStarted(_Happening, frozen=True, tag="host_started"):
    host: str


class Output(_Happening, frozen=True, tag="output"):
    """Bytes as the host sent them, in order per host and stream; may end in mid-line or mid-character."""

    host: str
    stream: Stream
    data: bytes


class Transferred(_Happening, frozen=True, tag="transfer"):
    """What became of one file.

    Args:
        path: where it goes, as the user would write it: on the host for put, here for get.
        seconds: from its beginning to its end.
        dry: it would be so; nothing was done.
        error: why it failed or was skipped.
    """

    host: str
    path: str
    action: Action
    size: int = 0
    seconds: float = 0.0
    dry: bool = False
    error: ErrorFacts | None = None


class Progress(_Happening, frozen=True, tag="progress"):
    """How far one host's files are: a few times a second while they move.

    Args:
        bytes: moved so far.
        total: bytes to move; 0 while that is not known.
    """

    host: str
    bytes: int
    total: int
    files: int
    files_total: int


class StepStarted(_Happening, frozen=True, tag="step_started"):
    """A host begins with a step.

    Args:
        step: its name, which no other step of the job has.
        number: its place among the steps and then the handlers of the job, counted from 1.
    """

    host: str
    step: str
    number: int


class StepFinished(_Happening, frozen=True, tag="step_finished", omit_defaults=True):
    """How it ended there.

    Args:
        seconds: from its start to its end, tries and waiting for other hosts included.
        exit_code: of what it ran, if that had one.
        error: why it failed, also where that is ignored.
        why: why it was skipped: `when`, `creates /etc/x`; or what else there is to say.
        notified: the handlers that it asked for.
        once: the host that did it for all of the batch; "" where each does it.
        register: under which name its result is kept, or "".
        result: what it came to; only where it has such a name.
        set: variables that it has set.
        lost: why history does not have what it came to and has set; "" where it has, and while the run goes on.
    """

    host: str
    step: str
    number: int
    status: StepStatus
    seconds: float = 0.0
    exit_code: int | None = None
    error: ErrorFacts | None = None
    why: str = ""
    notified: tuple[str, ...] = ()
    once: str = ""
    register: str = ""
    result: StepResult | None = None
    set: dict[str, Any] = {}
    lost: str = ""


class HostFinished(_Happening, frozen=True, tag="host_finished"):
    host: str
    outcome: Outcome


class RunFinished(_Happening, frozen=True, tag="run_finished"):
    """How the run ended.

    Args:
        counts: each status that occurred.
        cancelled: why the run was called off, or "".
        stopped: why no further host was begun while the others went on to their end, or "".
        overdue: it was called off because its time was over.
    """

    counts: dict[Status, int]
    cancelled: str = ""
    stopped: str = ""
    overdue: bool = False


Event = (
    RunStarted
    | BatchStarted
    | BatchFinished
    | HostStarted
    | Output
    | Transferred
    | Progress
    | StepStarted
    | StepFinished
    | HostFinished
    | RunFinished
)
