"""What this process holds: threads, descriptors, memory. Whatever ran must have let go of what it had."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def threads() -> set[str]:
    """All that run, by name and number."""
    return {f"{thread.name} ({thread.ident})" for thread in threading.enumerate()}


def descriptors() -> dict[int, str]:
    """All that are open, and what each is."""
    found = {}
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # that of the directory itself
            found[int(entry.name)] = str(entry.readlink())
    return found


def resident() -> int:
    """Bytes of memory in use."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


@contextmanager
def nothing_left_behind() -> Iterator[None]:
    """Whatever begins in the block has ended with it. Raises: AssertionError."""
    before = threads(), descriptors()
    yield
    left = threads() - before[0]
    assert not left, left
    opened = {number: what for number, what in descriptors().items() if before[1].get(number) != what}
    assert not opened, opened


class Most:
    """The most that was held at any look; of memory, what it was at the first settled look, and the last."""

    def __init__(self) -> None:
        self.threads = 0
        self.descriptors = 0
        self.first_bytes = 0
        self.last_bytes = 0

    def look(self, *, settled: bool) -> None:
        """Look now; `settled` when all that is made once has been made."""
        self.threads = max(self.threads, threading.active_count())
        self.descriptors = max(self.descriptors, len(descriptors()))
        self.last_bytes = resident()
        if settled and not self.first_bytes:
            self.first_bytes = self.last_bytes
