"""The commands there are. Each imports what it uses when it runs, so that --help stays quick."""

from __future__ import annotations

from typing import Annotated

import typer

from fleetctl import __version__
from fleetctl.cli import completion, doctor, files, inventory, lab, run, secret, ssh, trust

app = typer.Typer(
    name="fleetctl",
    help="Run commands and move files on many machines over SSH.",
    no_args_is_help=True,
    add_completion=False,  # see completion.py
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"fleetctl {__version__}")
        raise typer.Exit


@app.callback()
def root(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """See `fleetctl COMMAND --help` for each command's options."""


app.command(context_settings={"allow_interspersed_args": False})(run.run)
app.command()(run.ping)
app.command()(files.put)
app.command()(files.get)
app.command(context_settings={"allow_interspersed_args": False})(ssh.ssh)
app.command()(doctor.doctor)
app.command()(trust.trust)
app.command()(inventory.hosts)
app.add_typer(inventory.app, name="inventory")
app.add_typer(secret.app, name="secret")
app.add_typer(lab.app, name="lab")
app.command()(lab.demo)
app.command()(completion.completion)
