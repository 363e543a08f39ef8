"""What `fleetctl ssh` does: log in to one host, put its shell on our terminal, tell its exit code."""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from pathlib import Path

from fleetctl.cancel import Cancel
from fleetctl.cli.interrupts import Interrupts
from fleetctl.cli.keyboard import Escapes, Keyboard, Resizes
from fleetctl.cli.noting import Note, Noted, exited, refused
from fleetctl.cli.options import Access, Output, Patience
from fleetctl.cli.orders import Orders
from fleetctl.cli.running import open_fleet, warn_about
from fleetctl.cli.selecting import only, unwanted, wanted
from fleetctl.cli.talk import complain, say, set_verbosity
from fleetctl.cli.terminal import LocalTerminal
from fleetctl.errors import Cancelled, HostError, UsageError
from fleetctl.events import Stream
from fleetctl.model import Host
from fleetctl.ssh.session import Session
from fleetctl.ssh.terminal import Pty, Shell, open_shell

_STDIN, _STDOUT, _STDERR = 0, 1, 2
_NOT_REACHED = 3
_INTERRUPTED = 130
_NO_EXIT_CODE = 255
_LEFT = "disconnected"


def converse(
    word: str,
    command: str,
    files: list[Path],
    access: Access,
    patience: Patience,
    *,
    pty: bool | None,
    verbose: int,
    no_history: bool,
) -> int:
    """Returns: the process's exit code.

    Args:
        word: which host.
        command: what its shell runs; "" for what is typed.
        pty: whether it is on a terminal there; None as it fits.
        no_history: keep no record of it.

    Raises: UsageError and its kinds, before anything was contacted.
    """
    if command.startswith("-"):
        raise UsageError(
            f"{command.split(maxsplit=1)[0]} stands behind HOST", hint="options of fleetctl stand before HOST"
        )
    set_verbosity(verbose)
    selection = only(word, files)
    fleet = open_fleet(selection, access, patience.pace)
    (host,) = fleet.hosts(*wanted(selection), exclude=unwanted(selection))
    warn_about([host])
    terminal = LocalTerminal(_STDIN)
    with fleet, Cancel() as cancel, Interrupts(cancel, terminal.restore):
        wants_pty = bool(terminal) and (not command or os.isatty(_STDOUT)) if pty is None else pty

        def do(note: Note) -> int:
            with fleet.session(host, cancel) as session:
                code = _talk(session, command, terminal, cancel, pty=wants_pty)
            note(host.name, exited(code))
            return _told(host, code)

        orders = Orders("ssh", selection, access, patience.pace, Output(no_history=no_history))
        return Noted(f"ssh {command}".strip(), [host], cancel, lambda note: _visit(host, do, note)).carry_out(orders)


def _visit(host: Host, do: Callable[[Note], int], note: Note) -> int:
    """Do it, and say why it could not be done, or not to its end."""
    try:
        return do(note)
    except HostError as error:
        note(host.name, refused(error))
        complain(f"{host.name}: {error.message}", error.hint)
        return _NOT_REACHED
    except Cancelled as error:
        note(host.name, refused(error))
        if error.message == _LEFT:
            say(f"fleetctl: {host.name}: {_LEFT}")
            return _NO_EXIT_CODE
        complain(error.message)
        return _INTERRUPTED


def _told(host: Host, code: int | None) -> int:
    if code is None:
        complain(f"{host.name}: ended by a signal")
        return _NO_EXIT_CODE
    return min(code, _NO_EXIT_CODE)


def _talk(session: Session, command: str, terminal: LocalTerminal, cancel: Cancel, *, pty: bool) -> int | None:
    """Returns: the exit code of the shell; None where it has none."""
    with Resizes() as resizes:
        wanted_pty = Pty(os.environ.get("TERM", ""), *terminal.size, terminal.modes) if pty else None
        with open_shell(session, command, wanted_pty, cancel) as shell:
            if not (pty and terminal):
                with Keyboard(_STDIN, shell, resizes, _nothing, None, _nothing):
                    return shell.follow(_show).exit_code
            with terminal.raw(), _typing(shell, terminal, resizes, cancel):
                return shell.follow(_show).exit_code


def _typing(shell: Shell, terminal: LocalTerminal, resizes: Resizes, cancel: Cancel) -> Keyboard:
    return Keyboard(
        _STDIN,
        shell,
        resizes,
        resized=lambda: shell.resize(*terminal.size),
        escapes=Escapes(),
        left=lambda: cancel.set(_LEFT),
    )


def _nothing() -> None:
    """A window that no far end knows of has changed, or nobody can leave."""


def _show(stream: Stream, data: bytes) -> None:
    descriptor = _STDOUT if stream == "stdout" else _STDERR
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:  # whoever shares the terminal with us has made it so
            select.select([], [descriptor], [])
