"""`fleetctl inventory check|show|schema` and `fleetctl hosts`: what the inventory says, without connecting."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from fleetctl.cli.completion import complete_target
from fleetctl.cli.expand import expanded
from fleetctl.cli.options import InventoryFiles, Selection, SshConfigFile, TargetWords

app = typer.Typer(help="Check and explain the inventory.", no_args_is_help=True)


@app.command()
def check(
    inventory: InventoryFiles = [],  # noqa: B006 - typer reads the default
    ssh_config: SshConfigFile = None,
) -> None:
    """Report every problem of the inventory, with file and line."""
    from fleetctl.cli.sources import load_inventory
    from fleetctl.cli.talk import warn

    loaded = load_inventory(inventory, ssh_config=ssh_config)
    for line in loaded.warnings:
        warn(line)
    hosts, groups = len(loaded.names), len(loaded.group_names)
    typer.echo(f"ok: {hosts} {'host' if hosts == 1 else 'hosts'} in {groups} {'group' if groups == 1 else 'groups'}")


@app.command()
def show(
    host: Annotated[str, typer.Argument(metavar="HOST", autocompletion=complete_target)],
    inventory: InventoryFiles = [],  # noqa: B006
    ssh_config: SshConfigFile = None,
) -> None:
    """Every setting of a host and where it came from. Secrets are masked."""
    from fleetctl.cli.sources import load_inventory
    from fleetctl.views import Screen, render_table

    settings = load_inventory(inventory, ssh_config=ssh_config).explain(host)
    rows = [(setting.key, setting.value, setting.source) for setting in settings]
    render_table(Screen.from_process(), ("setting", "value", "from"), rows)


@app.command()
def schema() -> None:
    """The JSON schema of inventory files, for editors."""
    from fleetctl.inventory import schema as inventory_schema

    typer.echo(json.dumps(inventory_schema(), indent=2))


@expanded
def hosts(
    selection: Selection,
    words: TargetWords = None,
    count: Annotated[bool, typer.Option("--count", help="Only how many.")] = False,
    folded: Annotated[bool, typer.Option("--fold", help="On one line: web[01-20].")] = False,
) -> None:
    """The hosts that a target selects, one a line."""
    from fleetctl.cli.selecting import selected_names, with_words
    from fleetctl.nodes import fold

    names = selected_names(with_words(selection, words or []))
    if count:
        typer.echo(len(names))
    else:
        typer.echo(fold(names) if folded else "\n".join(names))
