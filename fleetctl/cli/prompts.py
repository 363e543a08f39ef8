"""Questions to the person at the terminal; where there is nobody, the answer is no or an error."""

from __future__ import annotations

import os
import sys
from getpass import getpass
from io import FileIO

import typer

from fleetctl.errors import SecretError
from fleetctl.model import Secret
from fleetctl.views import sanitize

_TERMINAL = "/dev/tty"


def ask_secret(prompt: str) -> Secret:
    """A secret typed on the terminal, not echoed. Raises: SecretError when nobody is there, or types nothing."""
    try:
        with open(_TERMINAL, "rb"):
            pass
    except OSError as error:
        raise SecretError(
            f"cannot ask for {prompt.strip(' :').lower()}: there is no terminal",
            hint="use {env: NAME}, {file: PATH} or {command: [...]} in the inventory",
        ) from error
    try:
        typed = getpass(prompt)
    except EOFError:
        typed = ""
    except UnicodeDecodeError:  # it holds what was typed
        raise SecretError("what was typed is not text", hint="a secret is text in UTF-8") from None
    if not typed:
        raise SecretError(f"nothing was typed for {prompt.strip(' :').lower()}", hint="run it again and type it")
    return Secret(typed)


def confirm(question: str) -> bool:
    """Yes or no from a person; no where stdin or stderr is not a terminal."""
    return somebody_reads() and typer.confirm(question, err=True)


def somebody_reads() -> bool:
    """Whether stdin and stderr are a terminal."""
    return bool(sys.stdin and sys.stdin.isatty() and sys.stderr.isatty())


def person() -> FileIO | None:
    """The terminal of a person who can be asked; None where nobody is there.

    The terminal itself, since something else may be piped into stdin. In the background nobody is there: to read
    would stop us until somebody looks.
    """
    if not sys.stderr.isatty():
        return None
    try:
        terminal = FileIO(os.open(_TERMINAL, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC), "r+")
    except OSError:
        return None
    if os.tcgetpgrp(terminal.fileno()) == os.getpgrp():
        return terminal
    terminal.close()
    return None


def agreed(terminal: FileIO, question: str) -> bool:
    """Whether the answer typed there is yes."""
    terminal.write(f"{sanitize(question)} [y/N]: ".encode())
    return terminal.readline().strip().lower() in {b"y", b"yes"}
