"""Commands that a lab left running because it was killed: known by a variable that every command of a lab has.

They are looked for in /proc; where there is none, or a command has emptied its environment, they are not found.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from fleetctl.lab.layout import Layout


def mark(layout: Layout) -> dict[str, str]:
    """The variable by which the commands of this lab are known."""
    return {"FLEETCTL_LAB": str(layout.directory.absolute())}


def end(layout: Layout) -> int:
    """Kill what still runs of a lab that is not up. Returns: how many processes that were."""
    [(name, value)] = mark(layout).items()
    wanted = f"{name}={value}".encode()
    found = (int(path.parent.name) for path in Path("/proc").glob("[0-9]*/environ"))
    return sum(_end(pid, wanted) for pid in found)


def _end(pid: int, wanted: bytes) -> bool:
    """The descriptor stands for the very process that is looked at; its number may be another's a moment later."""
    try:
        process = os.pidfd_open(pid)
    except OSError:  # it has ended meanwhile
        return False
    try:
        ours = _is_here(pid) and wanted in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        if ours:
            signal.pidfd_send_signal(process, signal.SIGKILL)
    except OSError:  # likewise, or it is somebody else's
        return False
    else:
        return ours
    finally:
        os.close(process)


def _is_here(pid: int) -> bool:
    """A container shows us its processes, and may have a lab of its own at the same path."""
    return Path(f"/proc/{pid}/root").samefile("/")
