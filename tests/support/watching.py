"""Who looks, while something runs, into the command lines and environments of all that was started meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support import secrecy

_PAUSE_SECONDS = 0.005
_JOIN_SECONDS = 20.0


class Watcher:
    """Watches in a thread of its own as long as the block lasts, then tells what was shown.

    Args:
        own: a word in the command lines of processes whose environment the user himself has filled.
        secrets: what is looked for; other tests, which run at the same time, have others.
    """

    def __init__(self, own: str, secrets: Collection[str]) -> None:
        self.seen: set[bytes] = set()
        self.shown: list[str] = []
        self._own = own.encode()
        self._secrets = secrets
        self._before = set(_processes())
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(_JOIN_SECONDS)
        assert not self._thread.is_alive()

    def saw(self, word: str) -> bool:
        """Whether there was a process with this in its command line."""
        return any(word.encode() in line for line in self.seen)

    def _watch(self) -> None:
        while not self._over.wait(_PAUSE_SECONDS):
            for process in set(_processes()) - self._before:
                self._look_at(process)

    def _look_at(self, process: Path) -> None:
        """A command line before and one after the environment: between them it may become another program."""
        lines = [_read(process / "cmdline")]
        environment = _read(process / "environ")
        lines.append(_read(process / "cmdline"))
        looked = [*lines] if any(self._own in line or not line for line in lines) else [*lines, environment]
        for data in {*looked} - self.seen:
            self.shown += [f"{what}: {lines}" for what in secrecy.shown_of(self._secrets, data)]
        self.seen.update(looked)


def _processes() -> list[Path]:
    return list(Path("/proc").glob("[0-9]*"))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended
        return b""
