"""The terminal that a person sits at: its size, its settings, and raw mode, out of which it always comes again."""

from __future__ import annotations

import os
import struct
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

_IUTF8 = getattr(termios, "IUTF8", 0o40000)  # Linux; Python has no name for it
_CHARACTERS = {
    1: "VINTR", 2: "VQUIT", 3: "VERASE", 4: "VKILL", 5: "VEOF", 6: "VEOL", 7: "VEOL2", 8: "VSTART", 9: "VSTOP",
    10: "VSUSP", 12: "VREPRINT", 13: "VWERASE", 14: "VLNEXT", 18: "VDISCARD",
}  # fmt: skip
_FLAGS = {
    30: (0, "IGNPAR"), 31: (0, "PARMRK"), 32: (0, "INPCK"), 33: (0, "ISTRIP"), 34: (0, "INLCR"), 35: (0, "IGNCR"),
    36: (0, "ICRNL"), 38: (0, "IXON"), 39: (0, "IXANY"), 40: (0, "IXOFF"), 41: (0, "IMAXBEL"),
    50: (3, "ISIG"), 51: (3, "ICANON"), 53: (3, "ECHO"), 54: (3, "ECHOE"), 55: (3, "ECHOK"), 56: (3, "ECHONL"),
    57: (3, "NOFLSH"), 58: (3, "TOSTOP"), 59: (3, "IEXTEN"), 60: (3, "ECHOCTL"), 61: (3, "ECHOKE"),
    70: (1, "OPOST"), 72: (1, "ONLCR"), 73: (1, "OCRNL"), 74: (1, "ONOCR"), 75: (1, "ONLRET"),
}  # fmt: skip
"""Numbers of RFC 4254, 8; in which of tcgetattr's fields the flag stands; its name in termios(3)."""
_UTF8 = 42  # RFC 8160
_NO_CHARACTER = 255
_SPEED = 38_400  # what it matters to is long gone, and servers want one
_SPEEDS = (128, 129)
_END = b"\0"
_opcode = struct.Struct(">BI")


class LocalTerminal:
    """A descriptor that may be a terminal; its settings are those that it had when this was made."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._before: list[Any] | None = termios.tcgetattr(descriptor) if os.isatty(descriptor) else None

    def __bool__(self) -> bool:
        """Whether it is one."""
        return self._before is not None

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines; zeros where nobody knows."""
        try:
            return os.get_terminal_size(self._descriptor)
        except OSError:
            return 0, 0

    @property
    def modes(self) -> bytes:
        """Its settings as RFC 4254, 8 has them, so that the far end erases with the same key and knows UTF-8."""
        return encoded_modes(self._before) if self._before is not None else b""

    @contextmanager
    def raw(self) -> Iterator[None]:
        """Every key comes at once and as it is, Ctrl-C too; nothing is echoed. Does nothing where it is none."""
        try:
            if self:
                tty.setraw(self._descriptor, termios.TCSANOW)  # what was typed ahead stays
            yield
        finally:
            self.restore()

    def restore(self) -> None:
        """Put the settings back, from any thread. Waits for nothing: output may be held up for ever."""
        if self._before is not None:
            with suppress(termios.error):  # it is gone
                termios.tcsetattr(self._descriptor, termios.TCSANOW, self._before)


def encoded_modes(attributes: list[Any]) -> bytes:
    """What `termios.tcgetattr` gave, as a list of opcodes with their values."""
    characters = attributes[6]
    modes = dict.fromkeys(_SPEEDS, _SPEED)
    for opcode, name in _CHARACTERS.items():
        if (place := getattr(termios, name, None)) is not None:
            modes[opcode] = ord(characters[place]) or _NO_CHARACTER
    for opcode, (field, name) in _FLAGS.items():
        if (flag := getattr(termios, name, None)) is not None:
            modes[opcode] = int(bool(attributes[field] & flag))
    modes[_UTF8] = int(bool(attributes[0] & _IUTF8))
    return b"".join(_opcode.pack(opcode, value) for opcode, value in modes.items()) + _END
