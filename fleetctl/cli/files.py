"""`fleetctl put`: files to many hosts. `fleetctl get`: files from many hosts."""

from __future__ import annotations

from typing import Annotated

import typer

from fleetctl.cli.expand import expanded
from fleetctl.cli.moving import Getting, Moving, Putting
from fleetctl.cli.options import Access, Output, Pace, SelectionBesideFiles


@expanded
def put(
    words: Annotated[list[str], typer.Argument(metavar="LOCAL... REMOTE", help="Files or globs, and where they go.")],
    selection: SelectionBesideFiles,
    access: Access,
    moving: Moving,
    putting: Putting,
    pace: Pace,
    output: Output,
) -> None:
    """Copy files to many hosts: whole or not at all.

    fleetctl put app.conf /etc/app/ -t @web
    fleetctl put -r site/ /var/www/site --delete
    """
    from fleetctl.cli.running import carry_out
    from fleetctl.cli.transfers import put_operation

    make = put_operation(words, moving, putting, output)
    raise typer.Exit(carry_out(make, selection, access, pace, output))


@expanded
def get(
    words: Annotated[list[str], typer.Argument(metavar="REMOTE... LOCAL", help="Files or globs, and where they go.")],
    selection: SelectionBesideFiles,
    access: Access,
    moving: Moving,
    getting: Getting,
    pace: Pace,
    output: Output,
) -> None:
    """Copy files from many hosts, into a directory for each: LOCAL/web01/syslog.

    fleetctl get /var/log/syslog logs -t @web
    fleetctl get '/etc/nginx/**/*.conf' conf
    """
    from fleetctl.cli.running import carry_out
    from fleetctl.cli.transfers import get_operation

    make = get_operation(words, moving, getting, output)
    raise typer.Exit(carry_out(make, selection, access, pace, output))
