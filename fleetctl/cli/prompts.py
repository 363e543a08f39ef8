"""Questions to the person at the terminal; where there is nobody, the answer is no or an error."""

from __future__ import annotations

import sys
from getpass import getpass

import typer

from fleetctl.errors import SecretError
from fleetctl.model import Secret


def ask_secret(prompt: str) -> Secret:
    """A secret typed on the terminal, not echoed. Raises: SecretError when nobody is there, or types nothing."""
    try:
        with open("/dev/tty", "rb"):
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
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    return typer.confirm(question, err=True)
