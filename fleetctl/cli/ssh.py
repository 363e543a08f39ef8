"""`fleetctl ssh`: a terminal on one host, reached as every other command reaches it."""

from __future__ import annotations

from typing import Annotated

import typer

from fleetctl.cli.completion import complete_target
from fleetctl.cli.expand import expanded
from fleetctl.cli.options import Access, InventoryFiles, NoHistory, Patience, Verbosity


@expanded
def ssh(
    host: Annotated[
        str,
        typer.Argument(metavar="HOST", autocompletion=complete_target, help="A target of one host, or user@host:port."),
    ],
    access: Access,
    patience: Patience,
    command: Annotated[
        list[str] | None, typer.Argument(metavar="[COMMAND...]", help="What to run instead of a shell.")
    ] = None,
    inventory: InventoryFiles = [],  # noqa: B006 - typer copies it
    pty: Annotated[
        bool | None,
        typer.Option(
            "--pty/--no-pty",
            show_default=False,
            help="A terminal there; by default where stdin is one here, and with COMMAND stdout, too.",
        ),
    ] = None,
    verbose: Verbosity = 0,
    no_history: NoHistory = False,
) -> None:
    """Open a shell on one host, or run a command there and type to it. Options end at HOST.

    ~. at the beginning of a line disconnects. Exits with the exit code of the shell, 255 where it has none, and 3 when
    the host cannot be reached or logged in to, or the connection is lost.
    """
    from fleetctl.cli.conversing import converse

    line = " ".join(command or [])
    raise typer.Exit(converse(host, line, inventory, access, patience, pty=pty, verbose=verbose, no_history=no_history))
