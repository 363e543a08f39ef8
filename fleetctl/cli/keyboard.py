"""What a person types, handed to the far end by a thread of its own, which waits for keys without looking for them."""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any

from fleetctl.ssh.terminal import Shell

_CHUNK = 64 * 1024
_JOIN_SECONDS = 5.0
_RESIZED = b"r"
_STOP = b"s"
_ESCAPE = ord("~")
_LEAVE = ord(".")
_LINE_ENDS = b"\r\n"


class Resizes:
    """Inside the block a change of the window's size can be read from `descriptor`. For the main thread only."""

    def __init__(self) -> None:
        self.descriptor, self._write_end = os.pipe()
        self._before: Any = None

    def __enter__(self) -> Resizes:
        os.set_blocking(self._write_end, False)
        self._before = signal.signal(signal.SIGWINCH, self._heard)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.signal(signal.SIGWINCH, self._before)
        os.close(self.descriptor)
        os.close(self._write_end)

    def stop(self) -> None:
        """Let whoever reads know that nobody needs it any more."""
        os.write(self._write_end, _STOP)

    def _heard(self, _number: int, _frame: FrameType | None) -> None:
        with suppress(BlockingIOError):  # full of the same news
            os.write(self._write_end, _RESIZED)


class Keyboard:
    """Inside the block, keys go to the shell; its end of input too, and the size of the window when it changes.

    Args:
        descriptor: where the keys come from.
        resizes: see there.
        resized: called after each change.
        escapes: finds the keys that are meant for us; None where all are meant for the shell.
        left: called when these say to leave.
    """

    def __init__(
        self,
        descriptor: int,
        shell: Shell,
        resizes: Resizes,
        resized: Callable[[], None],
        escapes: Escapes | None,
        left: Callable[[], None],
    ) -> None:
        self._descriptor = descriptor
        self._shell = shell
        self._resizes = resizes
        self._resized = resized
        self._escapes = escapes
        self._left = left
        self._thread = threading.Thread(target=self._listen, name="keyboard", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shell.leave()
        self._resizes.stop()
        self._thread.join(_JOIN_SECONDS)

    def _listen(self) -> None:
        waiting = [self._resizes.descriptor, self._descriptor]
        while True:
            ready, _, _ = select.select(waiting, [], [])
            if self._resizes.descriptor in ready:
                news = os.read(self._resizes.descriptor, _CHUNK)
                if _STOP in news:
                    return
                self._resized()
            if self._descriptor in ready and not self._hand_over():
                waiting.remove(self._descriptor)

    def _hand_over(self) -> bool:
        """Returns: whether there may be more."""
        try:
            keys = os.read(self._descriptor, _CHUNK)
        except BlockingIOError:
            return True  # somebody else has taken them
        except OSError:
            keys = b""  # the terminal is gone
        if not keys:
            self._shell.end_input()
            return False
        if self._escapes is None:
            return self._shell.type(keys)
        meant, leaves = self._escapes.take(keys)
        taken = not meant or self._shell.type(meant)
        if leaves:
            self._left()
        return taken and not leaves


class Escapes:
    """Finds `~.` at the beginning of a line, which leaves; `~~` there is one tilde. As in ssh(1)."""

    def __init__(self) -> None:
        self._line_begins = True
        self._pending = False

    def take(self, keys: bytes) -> tuple[bytes, bool]:
        """Keys as they come, in pieces of any size. Returns: those for the shell, and whether to leave."""
        if not self._pending and _ESCAPE not in keys:
            self._line_begins = keys[-1] in _LINE_ENDS if keys else self._line_begins
            return keys, False
        meant = bytearray()
        for key in keys:
            if self._pending:
                self._pending = False
                if key == _LEAVE:
                    return bytes(meant), True
                if key != _ESCAPE:
                    meant.append(_ESCAPE)
            elif self._line_begins and key == _ESCAPE:
                self._pending = True
                continue
            meant.append(key)
            self._line_begins = key in _LINE_ENDS
        return bytes(meant), False
