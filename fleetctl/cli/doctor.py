"""`fleetctl doctor`: why can a host not be reached, or what happens on the way to it?"""

from __future__ import annotations

from typing import Annotated

import typer

from fleetctl.cli.completion import complete_target
from fleetctl.cli.expand import expanded
from fleetctl.cli.options import Access, InventoryFiles, NoHistory, Patience, Privilege, Verbosity


@expanded
def doctor(
    host: Annotated[
        str,
        typer.Argument(metavar="HOST", autocompletion=complete_target, help="A target of one host, or user@host:port."),
    ],
    access: Access,
    privilege: Privilege,
    patience: Patience,
    inventory: InventoryFiles = [],  # noqa: B006 - typer copies it
    json: Annotated[bool, typer.Option("--json", help="Tell it as one JSON document.")] = False,
    verbose: Verbosity = 0,
    no_history: NoHistory = False,
) -> None:
    """Walk the way to one host step by step, tell what is found, and what to do where it ends.

    From its name over the connection, the key exchange, the host key and the login to commands, SFTP and, where it is
    set or asked for with -s, sudo; bastions on the way first. Changes nothing. Exits with 0 when all went well, else 3.
    """
    from fleetctl.cli.examining import examine_and_show

    raise typer.Exit(
        examine_and_show(
            host, inventory, access, privilege, patience, as_json=json, verbose=verbose, no_history=no_history
        )
    )
