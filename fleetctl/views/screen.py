"""The terminal as an input: streams, width, colours, clock; and the one owner of what stands on it."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, TextIO

from fleetctl.views.neutral import sanitize

_CLEAR_LINE = b"\r\x1b[K"
_FALLBACK_WIDTH = 80
REDRAW_SECONDS = 0.2
"""How often a footer is drawn at most; it is also how often it changes while nothing happens."""
_GREY = "\x1b[2m"
_RESET = "\x1b[0m"


class Screen:
    """Writes results to stdout and talk to stderr, with a footer that keeps out of their way. Thread-safe.

    Args:
        out_width, err_width: columns of the terminal that stdout and stderr are on, asked anew each time.
        colour: whether escape sequences may be used for colour at all.
        clock: seconds, for elapsed times; never goes back.
    """

    def __init__(
        self,
        out: BinaryIO,
        err: BinaryIO,
        *,
        out_is_terminal: bool = False,
        err_is_terminal: bool = False,
        out_width: Callable[[], int] = lambda: _FALLBACK_WIDTH,
        err_width: Callable[[], int] = lambda: _FALLBACK_WIDTH,
        colour: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.out_is_terminal = out_is_terminal
        self.err_is_terminal = err_is_terminal
        self.colour = colour
        self.clock = clock
        self._out_width = out_width
        self._err_width = err_width
        self._out = out
        self._err = err
        self._lock = threading.Lock()
        self._footer = b""
        self._footer_stands = False
        self._drawn_at = float("-inf")
        self._line_is_open = False

    @classmethod
    def from_process(cls) -> Screen:
        """The screen of this process; honours NO_COLOR (no-color.org) and TERM=dumb."""
        dumb = os.environ.get("TERM") == "dumb"
        err_is_terminal = sys.stderr.isatty() and not dumb
        return cls(
            sys.stdout.buffer,
            sys.stderr.buffer,
            out_is_terminal=sys.stdout.isatty(),
            err_is_terminal=err_is_terminal,
            out_width=lambda: _width_of(sys.stdout),
            err_width=lambda: _width_of(sys.stderr),
            colour=not dumb and not os.environ.get("NO_COLOR"),
        )

    @property
    def out_width(self) -> int:
        return self._out_width()

    @property
    def err_width(self) -> int:
        return self._err_width()

    def write(self, data: bytes) -> None:
        """Put finished bytes on stdout and flush them. Raises: OSError."""
        with self._lock:
            self._erase_footer()
            self._out.write(data)
            self._out.flush()
            self._note_end(data, terminal=self.out_is_terminal)
            self._redraw_footer()

    def write_err(self, data: bytes) -> None:
        """Put finished bytes on stderr. Raises: OSError."""
        with self._lock:
            self._erase_footer()
            self._err.write(data)
            self._err.flush()
            self._note_end(data, terminal=self.err_is_terminal)
            self._redraw_footer()

    def say(self, text: str) -> None:
        """A line of talk on stderr. What came from a server goes through `sanitize` first. Raises: OSError."""
        self.write_err(f"{text}\n".encode(errors="backslashreplace"))

    def say_soon(self, text: str, seconds: float) -> bool:
        """The same, unless somebody else has the screen for longer than that. Returns: whether it was said."""
        if not self._lock.acquire(timeout=seconds):
            return False
        self._lock.release()
        try:
            self.say(text)
        except OSError:
            return False
        return True

    def footer(self, text: str) -> None:
        """Show a line below everything else, on a terminal only; "" takes it away. Never raises."""
        if not self.err_is_terminal:
            return
        shown = sanitize(text)[: max(0, self.err_width - 1)]
        line = f"{_GREY}{shown}{_RESET}" if self.colour and shown else shown
        with self._lock:
            try:
                self._erase_footer()
                self._footer = line.encode(errors="replace")
                self._draw_footer()
            except OSError:
                self._footer = b""  # a terminal that is gone needs no footer

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nothing is written inside the block: somebody else talks to the terminal. Who wants to write, waits."""
        with self._lock:
            with suppress(OSError):  # a terminal that is gone
                self._erase_footer()
            yield

    def paint(self, text: str, code: str, *, out: bool) -> str:
        """The text in a colour (an SGR code such as `31`), where stdout or stderr shows colours."""
        terminal = self.out_is_terminal if out else self.err_is_terminal
        return f"\x1b[{code}m{text}{_RESET}" if self.colour and terminal else text

    def _note_end(self, data: bytes, *, terminal: bool) -> None:
        if terminal and data:
            self._line_is_open = not data.endswith(b"\n")

    def _redraw_footer(self) -> None:
        """Not after each of a thousand lines: a footer that is due soon is drawn by its next change."""
        if self.clock() - self._drawn_at >= REDRAW_SECONDS:
            self._draw_footer()

    def _draw_footer(self) -> None:
        """Never on a line that stands unfinished: erasing the footer would take that line with it."""
        if self._footer and not self._line_is_open:
            self._err.write(self._footer)
            self._err.flush()
            self._footer_stands = True
            self._drawn_at = self.clock()

    def _erase_footer(self) -> None:
        if self._footer_stands:
            self._footer_stands = False
            self._err.write(_CLEAR_LINE)
            self._err.flush()


def _width_of(stream: TextIO) -> int:
    """Columns of the terminal that the stream itself is on: the other one may be a file, and COLUMNS out of date."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or _FALLBACK_WIDTH
    except (OSError, ValueError):
        return _FALLBACK_WIDTH
