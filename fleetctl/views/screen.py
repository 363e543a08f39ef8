"""The terminal as an input: streams, width, colours, clock; and the one owner of what stands on it."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import BinaryIO, TextIO

from fleetctl.views.neutral import sanitize
from fleetctl.views.widths import columns, cut

_CLEAR_LINE = b"\r\x1b[K"
_ONE_UP = b"\x1b[A"
_FALLBACK_WIDTH, _FALLBACK_HEIGHT = 80, 24
REDRAW_SECONDS = 0.2
"""How often a footer is drawn at most; it is also how often it changes while nothing happens."""
GREY = "2"
_RESET = "\x1b[0m"

Span = tuple[str, str]
"""Text, and the SGR code that it is painted with where there are colours, or ""."""


class Screen:
    """Writes results to stdout and talk to stderr, with a footer that keeps out of their way. Thread-safe.

    Args:
        out_width, err_width: columns of the terminal that stdout and stderr are on, asked anew each time.
        err_height: lines of the one that stderr is on.
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
        err_height: Callable[[], int] = lambda: _FALLBACK_HEIGHT,
        colour: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.out_is_terminal = out_is_terminal
        self.err_is_terminal = err_is_terminal
        self.colour = colour
        self.clock = clock
        self._out_width = out_width
        self._err_width = err_width
        self._err_height = err_height
        self._out = out
        self._err = err
        self._lock = threading.Lock()
        self._footer: list[bytes] = []
        self._standing = 0
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
            out_width=lambda: _size_of(sys.stdout)[0],
            err_width=lambda: _size_of(sys.stderr)[0],
            err_height=lambda: _size_of(sys.stderr)[1],
            colour=not dumb and not os.environ.get("NO_COLOR"),
        )

    @property
    def out_width(self) -> int:
        return self._out_width()

    @property
    def err_width(self) -> int:
        return self._err_width()

    @property
    def err_height(self) -> int:
        return self._err_height()

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

    def footer(self, *lines: Sequence[Span]) -> None:
        """Show these below everything else, on a terminal only; none takes them away. Never raises."""
        if not self.err_is_terminal:
            return
        width = self.err_width - 1
        fitting = [self._fitting(line, width) for line in lines]
        with self._lock:
            try:
                self._erase_footer()
                self._footer = fitting
                self._draw_footer()
            except OSError:
                self._footer = []  # a terminal that is gone needs no footer

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

    def _fitting(self, line: Sequence[Span], width: int) -> bytes:
        """In one line of the terminal, whatever it says."""
        shown = []
        for text, code in line:
            part = cut(sanitize(text).replace("\t", " "), width)
            width -= columns(part)
            shown.append(self.paint(part, code, out=False) if part and code else part)
        return "".join(shown).encode(errors="replace")

    def _draw_footer(self) -> None:
        """Never on a line that stands unfinished: erasing the footer would take that line with it."""
        if self._footer and not self._line_is_open:
            self._err.write(b"\n".join(self._footer))
            self._err.flush()
            self._standing = len(self._footer)
            self._drawn_at = self.clock()

    def _erase_footer(self) -> None:
        """Of a terminal that has become narrower some lines may stay: to guess how many would take away results."""
        standing, self._standing = self._standing, 0
        if standing:
            self._err.write(_CLEAR_LINE + (_ONE_UP + _CLEAR_LINE) * (standing - 1))
            self._err.flush()


def _size_of(stream: TextIO) -> tuple[int, int]:
    """Columns and lines of the terminal that the stream itself is on: the other may be a file, COLUMNS out of date."""
    try:
        size = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        return _FALLBACK_WIDTH, _FALLBACK_HEIGHT
    return size.columns or _FALLBACK_WIDTH, size.lines or _FALLBACK_HEIGHT
