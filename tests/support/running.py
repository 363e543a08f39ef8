"""A process while it runs: wait for what it says, type, send signals, and see how it ended."""

from __future__ import annotations

import array
import fcntl
import json
import os
import re
import selectors
import shlex
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support import secrecy

_LOOK_SECONDS = 0.02
_LONGEST_LINE = 6000
"""What each page of a pipe may lack for a whole line."""
_TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Makes the terminal on stdin the controlling one, so that Ctrl-C is a signal; then becomes the command."""


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it said; bytes as they came, text with bad bytes escaped."""

    args: tuple[str, ...]
    exit_code: int
    stdout_bytes: bytes
    stderr_bytes: bytes

    @property
    def stdout(self) -> str:
        return self.stdout_bytes.decode(errors="backslashreplace")

    @property
    def stderr(self) -> str:
        return self.stderr_bytes.decode(errors="backslashreplace")

    @property
    def json(self) -> Any:
        return json.loads(self.stdout_bytes)

    @property
    def events(self) -> list[dict[str, Any]]:
        """stdout as one JSON object a line."""
        return [json.loads(line) for line in self.stdout_bytes.splitlines()]

    def check(self, shows: Collection[str] = ()) -> None:
        """Raises: AssertionError when it shows a secret that is none of these."""
        secrecy.check(self.stdout_bytes + b"\n" + self.stderr_bytes, shlex.join(self.args), shows)


def _waiting_in(pipe: int) -> int:
    """Bytes that can be read from it now."""
    count = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]


class Running:
    """A started process. Use as a context manager: leaving the block ends what still runs.

    Output is read only inside `wait_for` and `finish`, so a test decides when the far end is heard. In the end, what
    was heard may show no secret but those in `shows`.
    """

    def __init__(
        self, command: Sequence[str], process: subprocess.Popen[bytes], outputs: Mapping[str, int], keyboard: int
    ) -> None:
        self.process = process
        self._command = tuple(command)
        self._heard = {name: bytearray() for name in outputs}
        self.shows: Collection[str] = ()
        self._keyboard = keyboard
        self._descriptors = {*outputs.values(), keyboard} - {-1}
        self._selector = selectors.DefaultSelector()
        for name, descriptor in outputs.items():
            self._selector.register(descriptor, selectors.EVENT_READ, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        self._hear(0)  # as much as a pipe holds: what it said last, be it heard by the test or not
        self._selector.close()
        for descriptor in self._descriptors:
            os.close(descriptor)
        if error is None:
            self._ran(self.process.returncode).check(self.shows)

    @property
    def stdout(self) -> str:
        """What was read so far; on a terminal, everything that went to the screen."""
        return self._heard["stdout"].decode(errors="backslashreplace")

    @property
    def stderr(self) -> str:
        return self._heard.get("stderr", bytearray()).decode(errors="backslashreplace")

    def wait_for(self, text: str, seconds: float = 30.0) -> None:
        """Read until `text` has been said on either stream. Raises: AssertionError when it is not."""
        self.wait_for_match(re.escape(text), seconds)

    def wait_for_match(self, pattern: str, seconds: float = 30.0) -> None:
        """The same for a regular expression."""
        found = re.compile(pattern.encode())
        self._wait_until(lambda: any(map(found.search, self._heard.values())), pattern, seconds)

    def wait_for_times(self, text: str, times: int, seconds: float = 30.0) -> None:
        """The same for a text that is said so often on stdout."""
        said = text.encode()
        self._wait_until(lambda: self._heard["stdout"].count(said) >= times, f"{text} {times} times", seconds)

    def _wait_until(self, so: Callable[[], bool], what: str, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not so():
            left = until - time.monotonic()
            if left <= 0 or not self._selector.get_map():
                raise AssertionError(f"never said {what!r}:\n{self.stdout}\n{self.stderr}")
            self._hear(left)

    def pass_time(self, seconds: float) -> None:
        """Let it go on for so long, or to its end."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)

    def wait_until_stuck(self, seconds: float = 60.0) -> None:
        """Until its stdout, a pipe, is as good as full: it waits for us. Raises: AssertionError when it is not."""
        (key,) = (key for key in self._selector.get_map().values() if key.data == "stdout")
        until = time.monotonic() + seconds
        while _waiting_in(key.fd) < fcntl.fcntl(key.fd, fcntl.F_GETPIPE_SZ) - _LONGEST_LINE:
            assert time.monotonic() < until, f"{self._command} has said too little"
            time.sleep(_LOOK_SECONDS)

    def skip_output(self, size: int) -> int:
        """Read so many bytes of stdout and forget them. Returns: how many there were; fewer at its end."""
        (key,) = (key for key in self._selector.get_map().values() if key.data == "stdout")
        left = size
        while left and (data := os.read(key.fd, min(left, 1024 * 1024))):
            left -= len(data)
        return size - left

    def type(self, keys: str | bytes) -> None:
        """Send to its stdin; on a terminal "\\x03" is Ctrl-C and "\\x04" the end of input."""
        os.write(self._keyboard, keys.encode() if isinstance(keys, str) else keys)

    def close_keyboard(self) -> None:
        """The end of what is typed into a pipe."""
        os.close(self._keyboard)
        self._descriptors.discard(self._keyboard)

    def resize(self, columns: int, lines: int) -> None:
        """Give its terminal another size, of which it is told by SIGWINCH."""
        fcntl.ioctl(self._keyboard, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    @property
    def terminal_settings(self) -> list[Any]:
        """Those of its terminal, as tcgetattr has them, be it raw or not."""
        return termios.tcgetattr(self._keyboard)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def finish(self, seconds: float = 30.0) -> Ran:
        """Read to the end of output and wait for the process. Raises: subprocess.TimeoutExpired."""
        until = time.monotonic() + seconds
        while self._selector.get_map() and time.monotonic() < until:
            self._hear(until - time.monotonic())
        exit_code = self.process.wait(max(0.1, until - time.monotonic()))
        return self._ran(exit_code)

    def _ran(self, exit_code: int) -> Ran:
        return Ran(self._command, exit_code, bytes(self._heard["stdout"]), bytes(self._heard.get("stderr", b"")))

    def stop_listening(self) -> None:
        """Close our end of its output, as `head` does when it has seen enough."""
        for key in list(self._selector.get_map().values()):
            self._selector.unregister(key.fd)
            os.close(key.fd)
            self._descriptors.discard(key.fd)

    def _hear(self, seconds: float) -> None:
        """Take what was said, waiting for it at most this long; a stream that ended is let go."""
        for key, _ in self._selector.select(max(0.0, seconds)):
            try:
                data = os.read(key.fd, 65536)
            except OSError:
                data = b""  # Linux reports the end of a pseudo-terminal as an error
            if data:
                self._heard[key.data] += data
            else:
                self._selector.unregister(key.fd)


def start_piped(command: Sequence[str], variables: Mapping[str, str], cwd: Path, *, keyboard: bool) -> Running:
    """Start with a pipe for stdout, one for stderr and, with `keyboard`, one for stdin."""
    out, far_out = os.pipe()
    err, far_err = os.pipe()
    far_keys, keys = os.pipe() if keyboard else (os.open(os.devnull, os.O_RDONLY), -1)
    process = subprocess.Popen(command, stdin=far_keys, stdout=far_out, stderr=far_err, env=dict(variables), cwd=cwd)
    for far_end in (far_out, far_err, far_keys):
        os.close(far_end)
    return Running(command, process, {"stdout": out, "stderr": err}, keys)


def start_on_terminal(
    command: Sequence[str], variables: Mapping[str, str], cwd: Path, columns: int, lines: int
) -> Running:
    """Start on a pseudo-terminal of that size, which is the controlling one of a new session."""
    terminal, far_end = os.openpty()
    fcntl.ioctl(far_end, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", _TAKE_TERMINAL, *command],
        stdin=far_end, stdout=far_end, stderr=far_end, env=dict(variables), cwd=cwd, start_new_session=True,
    )  # fmt: skip
    os.close(far_end)
    return Running(command, process, {"stdout": terminal}, terminal)
