"""Our own terminal: raw while it is lent to a far shell, and how its settings are told."""

from __future__ import annotations

import os
import struct
import termios
from collections.abc import Iterator

import pytest

from fleetctl.cli.terminal import LocalTerminal, encoded_modes


@pytest.fixture
def descriptor() -> Iterator[int]:
    """One end of a pseudo-terminal."""
    far, near = os.openpty()
    yield near
    os.close(near)
    os.close(far)


def test_settings_are_put_back_whatever_happens(descriptor: int) -> None:
    before = termios.tcgetattr(descriptor)

    def fail_within() -> None:
        with LocalTerminal(descriptor).raw():
            assert not termios.tcgetattr(descriptor)[3] & termios.ICANON
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_within()
    assert termios.tcgetattr(descriptor) == before


def test_a_terminal_that_is_gone_needs_none() -> None:
    far, near = os.openpty()
    with LocalTerminal(near).raw():
        os.close(far)
    os.close(near)


def test_what_is_no_terminal_is_left_alone() -> None:
    read_end, write_end = os.pipe()
    terminal = LocalTerminal(read_end)
    with terminal.raw():
        assert (bool(terminal), terminal.size, terminal.modes) == (False, (0, 0), b"")
    os.close(read_end)
    os.close(write_end)


def test_settings_are_told_as_ssh_tells_them(descriptor: int) -> None:
    attributes = termios.tcgetattr(descriptor)
    attributes[0] |= 0o40000  # IUTF8
    attributes[3] &= ~termios.ECHO
    attributes[6][termios.VERASE] = b"\x08"
    attributes[6][termios.VEOL] = b"\0"
    encoded = encoded_modes(attributes)
    assert encoded[-1:] == b"\0"
    told = dict(struct.iter_unpack(">BI", encoded[:-1]))
    erase, end_of_line, utf8, interrupts, echo = told[3], told[6], told[42], told[50], told[53]
    assert (erase, end_of_line, utf8, interrupts, echo) == (8, 255, 1, 1, 0)
    assert told[128] == told[129] == 38400
