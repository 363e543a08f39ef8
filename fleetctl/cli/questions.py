"""A question in mid-run, put to the person at the terminal, while everything else that writes there waits.

A server's at login; our own between batches.
"""

from __future__ import annotations

import os
import select
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fleetctl.cancel import Cancel
from fleetctl.errors import SecretError
from fleetctl.model import Secret
from fleetctl.views import Screen, sanitize

_TERMINAL = "/dev/tty"
_LOOK_SECONDS = 0.2
_MOST_CHARACTERS = 500
_ANSWERS = {"y": True, "yes": True, "n": False, "no": False, "": False}
_ECHO_FLAGS = 3
"""Where termios.tcgetattr has the flags that ECHO is one of."""


def at_terminal(screen: Screen) -> Callable[[str, bool, Cancel], Secret] | None:
    """What asks the person there; None where there is no terminal."""
    try:
        os.close(os.open(_TERMINAL, os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return None

    def ask(question: str, shown: bool, cancel: Cancel) -> Secret:
        with screen.held():
            typed = _typed(question, cancel, shown=shown)
        if not typed:
            raise SecretError("nothing was typed", hint="run it again and type it")
        return Secret(typed)

    return ask


def agreement_at_terminal(screen: Screen) -> Callable[[str, Cancel], bool]:
    """What asks the person there for a yes or no, until it is one.

    Nothing, the end of input, and a terminal that is gone, are a no.
    """

    def agrees(question: str, cancel: Cancel) -> bool:
        answer = "?"
        with screen.held():
            while answer not in _ANSWERS:
                try:
                    answer = _typed(f"{question} [y/N]: ", cancel, shown=True).strip().lower()
                except SecretError:
                    return False
        return _ANSWERS[answer]

    return agrees


def _typed(question: str, cancel: Cancel, *, shown: bool) -> str:
    """Raises: SecretError when it is no text, or the terminal is gone; Cancelled."""
    lines = [sanitize(line)[:_MOST_CHARACTERS] for line in question.split("\n")]
    try:
        terminal = os.open(_TERMINAL, os.O_RDWR | os.O_NOCTTY)
        try:
            with _echo(terminal, shown=shown):
                os.write(terminal, "\n".join(lines).encode())
                typed = _line(terminal, cancel)
        finally:
            os.close(terminal)
    except (OSError, termios.error) as error:
        raise SecretError(f"the terminal is gone: {error}", hint="run it again") from error
    return typed


@contextmanager
def _echo(terminal: int, *, shown: bool) -> Iterator[None]:
    before = termios.tcgetattr(terminal)
    while_asking = termios.tcgetattr(terminal)
    if not shown:
        while_asking[_ECHO_FLAGS] &= ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSAFLUSH, while_asking)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
        if not shown:
            os.write(terminal, b"\n")


def _line(terminal: int, cancel: Cancel) -> str:
    """Raises: Cancelled, SecretError. A read that waits could not be called off from another thread."""
    data = b""
    while not data.endswith(b"\n"):
        while not select.select([terminal], [], [], _LOOK_SECONDS)[0]:
            cancel.check()
        more = os.read(terminal, 4096)
        if not more:
            break
        data += more
    try:
        return data.decode().rstrip("\r\n")
    except UnicodeDecodeError:  # it holds what was typed
        raise SecretError("what was typed is not text", hint="a secret is text in UTF-8") from None
