"""The commands there are. Each imports what it uses when it runs, and none is made but the one that is called."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from importlib import import_module
from typing import Annotated, Any

import typer

from fleetctl import __version__

_PASSES_ON = {"allow_interspersed_args": False}
"""Options end at the first word of a command line for the hosts, which has its own."""
_COMMANDS: dict[str, tuple[str, dict[str, Any]]] = {
    "run": ("run", _PASSES_ON),
    "script": ("run", _PASSES_ON),
    "ping": ("run", {}),
    "put": ("files", {}),
    "get": ("files", {}),
    "rerun": ("rerun", {}),
    "ssh": ("ssh", _PASSES_ON),
    "doctor": ("doctor", {}),
    "trust": ("trust", {}),
    "hosts": ("inventory", {}),
    "history": ("history", {}),
    "show": ("history", {}),
    "compare": ("history", {}),
    "report": ("history", {}),
    "demo": ("lab", {}),
    "completion": ("completion", {}),
}
"""The module of each, where a function has its name, and how it reads its words."""
_GROUPS = ("job", "inventory", "secret", "lab")
"""Modules with an `app` that has commands of its own."""


def app(words: Sequence[str]) -> typer.Typer:
    """The program for these words: with the command that they begin with, or with all of them.

    One command is made in 10 ms, and all of them in 70.
    """
    program = typer.Typer(
        name="fleetctl",
        help="Run commands and move files on many machines over SSH.",
        no_args_is_help=True,
        add_completion=False,  # see completion.py
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        callback=_root,
    )
    known = (*_COMMANDS, *_GROUPS)
    for name in words[:1] if words and words[0] in known else known:
        _add(program, name, words[1:2])
    return program


def _add(program: typer.Typer, name: str, then: Sequence[str]) -> None:
    """The command of that name; of a group the one that comes `then`, or all of them where there is none such."""
    if name in _GROUPS:
        group: typer.Typer = copy(import_module(f"fleetctl.cli.{name}").app)
        asked = [one for one in group.registered_commands if one.callback and one.callback.__name__ in then]
        group.registered_commands = asked or group.registered_commands
        program.add_typer(group, name=name)
        return
    module, settings = _COMMANDS[name]
    command = getattr(import_module(f"fleetctl.cli.{module}"), name)
    program.command(name, context_settings=settings)(command)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"fleetctl {__version__}")
        raise typer.Exit


def _root(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """See `fleetctl COMMAND --help` for each command's options."""
