"""Audit: two JSON lines for every run, one when it begins and one when it ends, to a file, to syslog, or to both.

An auditor so sees a run that was killed, too: it began, and no end has its id. A run that cannot be put down does not
begin. Who can write the file can change it: where that matters, let syslog take the lines to another machine.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import syslog
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from fleetctl.cli.orders import Orders
from fleetctl.cli.settings import AuditSettings, Settings
from fleetctl.cli.talk import complain
from fleetctl.errors import UsageError
from fleetctl.events import Event, RunFinished, RunStarted
from fleetctl.file_locks import taken_within
from fleetctl.history.encoding import everywhere, readable
from fleetctl.history.masking import Masks
from fleetctl.history.records import Origin
from fleetctl.nodes import fold

_MODE = 0o600
_LOCK_SECONDS = 5.0
_SYSLOG_SOCKETS = (Path("/dev/log"), Path("/var/run/syslog"), Path("/var/run/log"))
_MOST_CHARACTERS = 3000
"""Of command lines and names in syslog, whose lines many daemons cut at 8 KiB."""
_HINT = "nothing was done: the settings (audit.{}) want runs to be put down there"

Line = dict[str, Any]


class Audit:
    """Puts one run down; a consumer of its events. `ended` is called when its exit code is known.

    Raises: UsageError when the file cannot be opened, or nothing listens to syslog.
    """

    def __init__(self, settings: AuditSettings, origin: Origin, masks: Masks, *, dry: bool) -> None:
        self._origin = origin
        self._masks = masks
        self._dry = dry
        self._run = ""
        self._end = RunFinished(counts={})
        self._places: list[Callable[[Line], None]] = []
        self._descriptor = -1
        if settings.syslog is not None:
            self._places.append(_to_syslog(settings.syslog))
        if settings.file is not None:
            self._descriptor = _opened(Path(settings.file))
            self._places.append(self._append)

    def show(self, event: Event) -> None:
        """Raises: OSError when that a run begins cannot be written: it is called off then."""
        if isinstance(event, RunStarted):
            self._run = event.run
            self._begin(event)
        elif isinstance(event, RunFinished):
            self._end = event

    def _begin(self, event: RunStarted) -> None:
        try:
            self._put({
                "event": "began",
                "run": event.run,
                "time": _written(event.started),
                "user": self._origin.user,
                "machine": self._origin.machine,
                "directory": self._origin.directory,
                "command": self._origin.command,
                "argv": list(self._origin.argv),
                "operation": self._masks.all.text(event.operation),
                "dry_run": self._dry,
                "parent": self._origin.parent,
                "targets": list(self._origin.targets),
                "hosts": len(event.hosts),
                "names": fold(event.hosts),
            })  # fmt: skip
        except OSError as error:
            raise OSError(error.errno, f"the audit: {error.strerror}") from error

    def close(self) -> None:
        """The exit code is still to come."""

    def ended(self, exit_code: int) -> None:
        """Put the end down, and let go of the file. Raises: OSError when it cannot be written."""
        try:
            if self._run:
                self._put({
                    "event": "ended",
                    "run": self._run,
                    "time": _written(time.time()),
                    "user": self._origin.user,
                    "seconds": round(self._end.at, 3),
                    "counts": self._end.counts,
                    "exit_code": exit_code,
                    "why": self._end.cancelled or self._end.stopped,
                })  # fmt: skip
        finally:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1

    def _put(self, line: Line) -> None:
        plain = everywhere(line, readable)
        for place in self._places:
            place(plain)

    def _append(self, line: Line) -> None:
        """One write for the whole line, behind all others; a part of it, on a full disk, is taken back."""
        data = msgspec.json.encode(line) + b"\n"
        if not taken_within(self._descriptor, _LOCK_SECONDS):
            raise OSError(errno.EAGAIN, "another process has locked the file")
        try:
            size = os.fstat(self._descriptor).st_size
            if os.write(self._descriptor, data) < len(data):
                with suppress(OSError):  # it may only be appended to
                    os.ftruncate(self._descriptor, size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)


def audits_of(orders: Orders, settings: Settings, origin: Origin, masks: Masks) -> list[Audit]:
    """The one that the settings want; none where they want none, and of a show of our own. Raises: UsageError."""
    wanted = settings.audit.file is not None or settings.audit.syslog is not None
    if not wanted or orders.is_show:
        return []
    return [Audit(settings.audit, origin, masks, dry=orders.output.dry_run)]


def put_down(audits: Sequence[Audit], exit_code: int) -> int:
    """Put the end of a run down. Returns: its exit code, which is no 0 where that failed."""
    for audit in audits:
        try:
            audit.ended(exit_code)
        except OSError as error:
            complain(f"audit: the end of the run is not put down: {error.strerror}", "it has its beginning alone")
            exit_code = exit_code or 1
    return exit_code


def _opened(path: Path) -> int:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    try:
        descriptor = os.open(path, flags, _MODE)
    except OSError as error:
        raise UsageError(f"audit: cannot write {path}: {error.strerror}", hint=_HINT.format("file")) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UsageError(f"audit: {path} is no file", hint=_HINT.format("file"))
    return descriptor


def _to_syslog(facility: str) -> Callable[[Line], None]:
    if not any(place.exists() for place in _SYSLOG_SOCKETS):
        raise UsageError("audit: nothing listens to syslog on this machine", hint=_HINT.format("syslog"))
    syslog.openlog("fleetctl", syslog.LOG_PID, getattr(syslog, f"LOG_{facility.upper()}"))

    def put(line: Line) -> None:
        syslog.syslog(syslog.LOG_NOTICE, msgspec.json.encode(_short(line)).decode())

    return put


def _short(line: Line) -> Line:
    """What is long is cut; the words of a command become one."""
    words = {key: " ".join(value) for key, value in line.items() if isinstance(value, list)}
    cut = {key: value for key, value in (line | words).items() if len(str(value)) > _MOST_CHARACTERS}
    return line | {key: f"{str(value)[:_MOST_CHARACTERS]}…" for key, value in cut.items()}


def _written(seconds: float) -> str:
    """UTC, to the millisecond."""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds % 1 * 1000):03}Z"
