"""`fleetctl secret …`: the vault, an encrypted file of secrets by name, which `{vault: NAME}` refers to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fleetctl.cli.options import VaultFile, VaultKey

app = typer.Typer(help="Keep passwords in an encrypted file, for {vault: NAME} in the inventory.", no_args_is_help=True)

_Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]


@app.command()
def init(
    recipient: Annotated[
        list[Path],
        typer.Option("-r", "--recipient", metavar="KEY.pub", help="Public SSH key that opens it; may be given again."),
    ] = [],  # noqa: B006 - typer reads the default
    passphrase: Annotated[bool, typer.Option("--passphrase", help="Lock it with a passphrase instead.")] = False,
    vault: VaultFile = None,
    vault_key: VaultKey = None,
) -> None:
    """Make the vault, or lock an existing one anew. By default your own SSH key opens it."""
    from fleetctl.cli.vaulting import lock_vault

    lock_vault(vault, vault_key, recipient, passphrase=passphrase)


@app.command("set")
def set_secret(
    name: _Name,
    words: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
    vault: VaultFile = None,
    vault_key: VaultKey = None,
) -> None:
    """Put a secret in: typed twice, or read from stdin. The first makes the vault."""
    from fleetctl.cli.vaulting import put_in

    put_in(vault, vault_key, name, words or [])


@app.command()
def get(name: _Name, vault: VaultFile = None, vault_key: VaultKey = None) -> None:
    """Print a secret."""
    from fleetctl.cli.vaulting import open_vault

    typer.echo(open_vault(vault, vault_key).secret(name).reveal())


@app.command("list")
def list_names(vault: VaultFile = None, vault_key: VaultKey = None) -> None:
    """The names of the secrets, one a line."""
    from fleetctl.cli.vaulting import open_vault

    for name in open_vault(vault, vault_key).secrets():
        typer.echo(name)


@app.command()
def rm(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", show_default=False)],
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")] = False,
    vault: VaultFile = None,
    vault_key: VaultKey = None,
) -> None:
    """Take secrets out, after a question."""
    from fleetctl.cli.vaulting import take_out

    take_out(vault, vault_key, names, yes=yes)


@app.command()
def edit(vault: VaultFile = None, vault_key: VaultKey = None) -> None:
    """Change secrets in $EDITOR, as `name: value` lines of YAML."""
    from fleetctl.cli.editing import edit_secrets
    from fleetctl.cli.vaulting import open_vault

    edit_secrets(open_vault(vault, vault_key))
