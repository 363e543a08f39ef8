"""What remote commands read: one input for many hosts, each at its own pace, and what goes before it."""

from __future__ import annotations

import os
import select
import tempfile
import threading
from types import TracebackType

from fleetctl.errors import FleetError
from fleetctl.ssh.stream.feeding import Stdin

_CHUNK = 64 * 1024
_POLL_SECONDS = 0.25
_JOIN_SECONDS = 5.0


class Broadcast:
    """Spreads a file descriptor's bytes to any number of readers. Thread-safe.

    Reading begins with the first reader and never waits for the input's end, so a pipe that stays open
    for ever disturbs nobody who does not read it.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._grown = threading.Condition()
        self._spool = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed in __exit__
        self._size = 0
        self._ended = False
        self._failure: OSError | None = None
        self._closing = False
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Broadcast:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        if self._thread is not None:
            self._thread.join(_JOIN_SECONDS)
        self._spool.close()

    def read(self, offset: int, seconds: float) -> bytes | None:
        """Some bytes from `offset` on, b"" at the end, None when none came within `seconds` or before a `wake`.

        Raises: FleetError when the input could not be read or kept to its end.
        """
        with self._grown:
            if self._thread is None:
                self._thread = threading.Thread(target=self._fill, name="stdin", daemon=True)
                self._thread.start()
            if offset >= self._size and not self._ended:
                self._grown.wait(seconds)
            size, ended, failure = self._size, self._ended, self._failure
        if offset < size:
            try:
                return os.pread(self._spool.fileno(), min(_CHUNK, size - offset), offset)
            except (OSError, ValueError) as error:  # a bad disk, or closed since: the run was given up
                raise FleetError(f"the standard input cannot be read again: {error}") from error
        if failure is not None:
            message = f"the standard input broke off after {size:,} bytes: {failure.strerror or failure}"
            raise FleetError(message, hint="is the disk of the temporary directory full?")
        return b"" if ended else None

    def wake(self) -> None:
        """Let every reader that waits look around: the command that it feeds may be over."""
        with self._grown:
            self._grown.notify_all()

    def _fill(self) -> None:
        try:
            while not self._closing:
                if select.select([self._descriptor], [], [], _POLL_SECONDS)[0]:
                    data = os.read(self._descriptor, _CHUNK)
                    if not data:
                        break
                    self._spool.write(data)
                    with self._grown:
                        self._size += len(data)
                        self._grown.notify_all()
        except OSError as error:
            self._failure = error
        finally:
            with self._grown:
                self._ended = True
                self._grown.notify_all()


class Following:
    """Some bytes, and behind them another input, if there is one. Thread-safe."""

    def __init__(self, first: bytes, then: Stdin | None = None) -> None:
        self._first = first
        self._then = then

    def read(self, offset: int, seconds: float) -> bytes | None:
        """As Stdin."""
        if offset < len(self._first):
            return self._first[offset : offset + _CHUNK]
        return b"" if self._then is None else self._then.read(offset - len(self._first), seconds)

    def wake(self) -> None:
        if self._then is not None:
            self._then.wake()
