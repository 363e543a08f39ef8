"""What became of one host's files: counted, told as it happens, and summed up in the outcome."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import msgspec

from fleetctl.errors import Cancelled, ConnectionLost, FleetError, TimedOut, TransferError
from fleetctl.events import Action, ErrorFacts, Outcome, Progress, Status, Stream, Totals, Transferred
from fleetctl.sizes import counted, readable
from fleetctl.transfer.choices import Choices
from fleetctl.transfer.plan import Act, Step

_PROGRESS_SECONDS = 0.25
_MOST_EVENTS = 64
"""Told together: each word of its own would wake whoever listens, 5,000 times for 5,000 files."""
_LINES_SIZE = 8 * 1024
_FAILURES_SHOWN = 20
_WOULD: dict[Action, str] = {
    "sent": "send",
    "fetched": "fetch",
    "linked": "link",
    "made": "make the directory",
    "unchanged": "leave unchanged",
    "skipped": "skip",
    "deleted": "delete",
    "failed": "fail on",
}

Report = Callable[[Sequence[Transferred | Progress]], None]
"""Sends word of files on its way to the views; blocks while they are behind."""


class Counted:
    """Tells an account of one file's bytes, and can take them back when the file comes to nothing."""

    __slots__ = ("_moved", "size")

    def __init__(self, moved: Callable[[int], None]) -> None:
        self._moved = moved
        self.size = 0

    def __call__(self, size: int) -> None:
        self.size += size
        self._moved(size)

    def take_back(self) -> None:
        self._moved(-self.size)


class Account(msgspec.Struct):
    """For one host and one thread.

    Args:
        emit: takes output for people.
        report: takes events for programs.
        verb: what moving a file is called.
    """

    host: str
    emit: Callable[[Stream, bytes], None]
    report: Report
    verb: Literal["sent", "fetched"]
    choices: Choices
    _total: int = 0
    _files_total: int = 0
    _bytes: int = 0
    _counts: dict[Action, int] = msgspec.field(default_factory=dict)
    _failures: list[FleetError] = msgspec.field(default_factory=list)
    _lines: list[str] = msgspec.field(default_factory=list)
    _lines_size: int = 0
    _events: list[Transferred | Progress] = msgspec.field(default_factory=list)
    _next_progress: float = 0.0

    def expect(self, files: int, size: int) -> None:
        """So much is to be moved."""
        self._files_total += files
        self._total += size
        self._tell_progress()

    def moved(self, size: int) -> None:
        self._bytes += size
        if time.monotonic() >= self._next_progress:
            self._tell_progress()

    def mark(self) -> int:
        """How much was moved so far, for `take_back`."""
        return self._bytes

    def take_back(self, mark: int) -> None:
        """What was moved since then was of no use."""
        self._bytes = mark

    def done(self, action: Action, path: str, *, size: int = 0, seconds: float = 0.0, why: str = "") -> None:
        """One file's fate. `why` is the reason for which it was skipped."""
        self._counts[action] = self._counts.get(action, 0) + 1
        error = ErrorFacts("skipped", why) if why else None
        self._tell(
            Transferred(
                host=self.host, path=path, action=action, size=size, seconds=seconds, dry=self.choices.dry, error=error
            )
        )
        if self.choices.each or why or (self.choices.dry and action != "unchanged"):
            self._say(self._line(action, path, size, why))

    def failed(self, path: str, error: FleetError) -> None:
        self._counts["failed"] = self._counts.get("failed", 0) + 1
        facts = ErrorFacts(error.code, error.message, error.hint)
        self._tell(Transferred(host=self.host, path=path, action="failed", dry=self.choices.dry, error=facts))
        self._failures.append(error)

    def unmoved(self, steps: Sequence[Step], shown: Callable[[str], str]) -> None:
        """Tell of what stays as it is, and of what cannot be done."""
        for step in steps:
            path = shown(step.entry.path)
            if step.act == "refuse":
                self.failed(path, step.why or TransferError(f"{path} is refused"))
            elif step.act == "keep" and step.entry.kind != "directory":
                self.done("unchanged", path)

    def tell(self, steps: Sequence[Step], extra: Iterable[str], shown: Callable[[str], str]) -> None:
        """Tell of all that would be done."""
        actions: dict[Act, Action] = {"make": "made", "link": "linked", "move": self.verb}
        self.unmoved(steps, shown)
        for step in steps:
            if step.act in actions:
                self.done(actions[step.act], shown(step.entry.path), size=step.entry.size)
        for path in extra:
            self.done("deleted", shown(path))

    def outcome(self) -> Outcome:
        """The sum, said and returned: `failed` when a file was, `skipped` when all was but told."""
        self._say_failures()
        if self._failures or not self.choices.quiet:
            self._say(self._summary())
        self._flush()
        totals = self.totals()
        if self._failures:
            return Outcome(Status.FAILED, error=self._error(), totals=totals)
        if self.choices.dry:
            return Outcome(Status.SKIPPED, error=ErrorFacts("dry-run", "dry run: nothing was done"), totals=totals)
        return Outcome(Status.OK, totals=totals)

    def broken_off(self, error: Exception) -> None:
        """Tell what had become of the files until then; add that to what ended it all, and how to go on."""
        if self._files_total or self._counts:
            self._say_failures()
            self._say(self._summary())
            self._flush()
            if isinstance(error, FleetError):
                error.totals = self.totals()
        if isinstance(error, TimedOut | ConnectionLost | Cancelled):
            more = "--timeout gives it longer" if isinstance(error, TimedOut) else error.hint
            on = "--update --resume moves only what is missing"
            if not self.choices.keeps_times:  # without them nobody can tell what has arrived
                on = "--resume goes on with what is there of large files"
            error.hint = "; ".join(filter(None, [on, more]))

    def totals(self) -> Totals:
        count = self._counts.get
        return Totals(
            files=count(self.verb, 0),
            bytes=self._total if self.choices.dry else self._bytes,
            linked=count("linked", 0),
            unchanged=count("unchanged", 0),
            skipped=count("skipped", 0),
            deleted=count("deleted", 0),
            failed=count("failed", 0),
            made=count("made", 0),
        )

    def _error(self) -> ErrorFacts:
        first = self._failures[0]
        count = len(self._failures)
        message = first.message if count == 1 else f"{count} files failed; the first: {first.message}"
        return ErrorFacts(first.code, message, first.hint, dict(first.facts))

    def _say_failures(self) -> None:
        """Only where there are several: a single one is the outcome's own message."""
        if len(self._failures) < 2:
            return
        self._flush()
        lines = [error.message for error in self._failures[:_FAILURES_SHOWN]]
        if len(self._failures) > _FAILURES_SHOWN:
            lines.append(f"and {len(self._failures) - _FAILURES_SHOWN:,} failures more")
        self.emit("stderr", "".join(f"{line}\n" for line in lines).encode(errors="surrogateescape"))

    def _line(self, action: Action, path: str, size: int, why: str) -> str:
        words = f"would {_WOULD[action]}" if self.choices.dry else "made the directory" if action == "made" else action
        detail = why or (readable(size) if action in {"sent", "fetched"} else "")
        return f"{words} {path}" + (f" ({detail})" if detail else "")

    def _summary(self) -> str:
        count = self._counts.get
        files = count(self.verb, 0)
        size = self._total if self.choices.dry else self._bytes
        would = "would be " if self.choices.dry else ""
        parts = [f"{counted(files, 'file')}, {readable(size)} {would}{self.verb}"]
        said: dict[Action, str] = {"linked": would, "unchanged": "", "skipped": "", "deleted": would, "failed": ""}
        parts += [f"{self._counts[action]} {said[action]}{action}" for action in said if self._counts.get(action)]
        return ("dry run: " if self.choices.dry else "") + "; ".join(parts)

    def _say(self, line: str) -> None:
        self._lines.append(line.replace("\n", "\\n"))  # a name may hold one, and a line is for one file
        self._lines_size += len(line)
        if self._lines_size >= _LINES_SIZE:
            self._flush()

    def _flush(self) -> None:
        self._tell_events()
        if self._lines:
            self.emit("stdout", "".join(f"{line}\n" for line in self._lines).encode(errors="surrogateescape"))
            self._lines, self._lines_size = [], 0

    def _tell(self, event: Transferred) -> None:
        self._events.append(event)
        if len(self._events) >= _MOST_EVENTS:
            self._tell_events()

    def _tell_events(self) -> None:
        if self._events:
            self.report(self._events)
            self._events = []

    def _tell_progress(self) -> None:
        self._next_progress = time.monotonic() + _PROGRESS_SECONDS
        files = self._counts.get(self.verb, 0)
        self._events.append(
            Progress(host=self.host, bytes=self._bytes, total=self._total, files=files, files_total=self._files_total)
        )
        self._tell_events()
