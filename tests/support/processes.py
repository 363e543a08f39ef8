"""Which processes of this machine belong to a test, read from /proc, and how to end them."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_DEATH_SECONDS = 10.0


def descendants(pid: int) -> list[int]:
    """Children of `pid`, their children, and so on."""
    children: dict[int, list[int]] = {}
    for one in _all():
        children.setdefault(_parent(one), []).append(one)
    found = list(children.get(pid, []))
    for child in found:
        found += children.get(child, [])
    return found


def owned_by(uid: int) -> list[int]:
    return [pid for pid in _all() if _owner(pid) == uid]


def with_variable(assignment: str) -> list[int]:
    """Processes whose environment has `NAME=value`, as far as we may read it."""
    return [pid for pid in _all() if assignment.encode() in _read(pid, "environ").split(b"\0")]


def command_line(pid: int) -> str:
    """The program and its arguments, or "" when it has ended meanwhile."""
    return _read(pid, "cmdline").replace(b"\0", b" ").decode(errors="replace").strip()


def most_memory(pid: int) -> int:
    """Bytes that it has had resident at its peak."""
    (line,) = (line for line in _read(pid, "status").splitlines() if line.startswith(b"VmHWM:"))
    return int(line.split()[1]) * 1024


def wait_for(pids: Iterable[int], seconds: float = _DEATH_SECONDS) -> None:
    """Wait until each has ended by itself, or has taken too long."""
    for pid in pids:
        with suppress(ProcessLookupError):
            descriptor = os.pidfd_open(pid)
            try:
                select.select([descriptor], [], [], seconds)
            finally:
                os.close(descriptor)


def end(pids: Iterable[int]) -> None:
    """Kill them, and wait until each is dead: a signal is only on its way when it has been sent."""
    for pid in pids:
        with suppress(ProcessLookupError):
            descriptor = os.pidfd_open(pid)
            try:
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                select.select([descriptor], [], [], _DEATH_SECONDS)
            finally:
                os.close(descriptor)


def _all() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]


def _parent(pid: int) -> int:
    """The field after the program's name, which stands in parentheses and may hold anything."""
    fields = _read(pid, "stat").rpartition(b")")[2].split()
    return int(fields[1]) if fields else 0


def _owner(pid: int) -> int:
    try:
        return Path(f"/proc/{pid}").stat().st_uid
    except FileNotFoundError:
        return -1


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""
