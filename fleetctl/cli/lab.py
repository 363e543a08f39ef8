"""`fleetctl lab up|status|down` and `fleetctl demo`: a fleet of SSH servers on this machine to try things on."""

from __future__ import annotations

import shutil
import sys
from typing import Annotated

import typer

from fleetctl.cli.values import duration

app = typer.Typer(help="Local SSH servers to try things on.", no_args_is_help=True)

_Hosts = Annotated[int, typer.Option("--hosts", min=1, max=1000, help="How many.")]


@app.command()
def up(
    hosts: _Hosts = 10,
    password: Annotated[bool, typer.Option("--password", help="Allow logins with a password, too.")] = False,
    latency: Annotated[
        float | None,
        typer.Option("--latency", metavar="TIME", parser=duration, help="Round-trip time to pretend: 50ms."),
    ] = None,
) -> None:
    """Start the lab in the background and tell which inventory to use."""
    from fleetctl import lab

    state = lab.up(hosts, password=password, latency=latency or 0.0)
    ours = "fleetctl" if shutil.which("fleetctl") else sys.argv[0]
    typer.echo(f"{len(state.hosts)} hosts are up. Try:\n  {ours} run -i {state.inventory} df\n  {ours} lab down")


@app.command()
def status() -> None:
    """Whether the lab is up, and which inventory to use. Exit code 1 when it is down."""
    from fleetctl import lab

    state = lab.status()
    if state is None:
        typer.echo("the lab is down")
        raise typer.Exit(1)
    typer.echo(f"{len(state.hosts)} hosts are up (process {state.pid}): -i {state.inventory}")


@app.command()
def down() -> None:
    """Stop the lab and remove its files."""
    from fleetctl import lab

    typer.echo("the lab is down" if lab.down() else "the lab was not up")


def demo(hosts: _Hosts = 10) -> None:
    """Raise a lab, run `df` on it, put a file there, and take it down again."""
    from fleetctl.cli.showing import show_demo

    raise typer.Exit(show_demo(hosts))
