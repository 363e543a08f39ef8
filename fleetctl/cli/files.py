"""`fleetctl put`: files to many hosts. `fleetctl get`: files from many hosts."""

from __future__ import annotations

from typing import Annotated

import typer

from fleetctl.cli.expand import expanded
from fleetctl.cli.file_options import FileOptions, GetOptions, PutOptions
from fleetctl.cli.guard_options import Guards
from fleetctl.cli.options import Access, Output, Pace, Privilege, SelectionBesideFiles
from fleetctl.cli.rollout_options import Batches, Limits


@expanded
def put(
    words: Annotated[list[str], typer.Argument(metavar="LOCAL... REMOTE", help="Files or globs, and where they go.")],
    selection: SelectionBesideFiles,
    access: Access,
    privilege: Privilege,
    files: FileOptions,
    puts: PutOptions,
    pace: Pace,
    limits: Limits,
    batches: Batches,
    output: Output,
    guards: Guards,
) -> None:
    """Copy files to many hosts: whole or not at all.

    fleetctl put app.conf /etc/app/ -t @web
    fleetctl put -r site/ /var/www/site -t @web --delete --dry-run
    """
    from fleetctl.cli.file_operations import put_operation
    from fleetctl.cli.orders import Orders
    from fleetctl.cli.running import carry_out

    make = put_operation(words, files, puts, output)
    orders = Orders("put", selection, access, pace, output, privilege, guards, limits=limits, batches=batches)
    raise typer.Exit(carry_out(make, orders))


@expanded
def get(
    words: Annotated[list[str], typer.Argument(metavar="REMOTE... LOCAL", help="Files or globs, and where they go.")],
    selection: SelectionBesideFiles,
    access: Access,
    privilege: Privilege,
    files: FileOptions,
    gets: GetOptions,
    pace: Pace,
    limits: Limits,
    output: Output,
    guards: Guards,
) -> None:
    """Copy files from many hosts, into a directory for each: LOCAL/web01/syslog.

    fleetctl get /var/log/syslog logs -t @web
    fleetctl get '/etc/nginx/**/*.conf' conf -t @web
    """
    from fleetctl.cli.file_operations import get_operation
    from fleetctl.cli.orders import Orders
    from fleetctl.cli.running import carry_out

    make = get_operation(words, files, gets, output)
    raise typer.Exit(carry_out(make, Orders("get", selection, access, pace, output, privilege, guards, limits=limits)))
