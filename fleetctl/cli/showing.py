"""What `fleetctl demo` shows: the tool at work on a lab of its own, for someone who has no server at hand."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import typer

from fleetctl import lab
from fleetctl.cli.options import Access, Output, Pace, Selection, ViewName
from fleetctl.cli.running import carry_out
from fleetctl.operations.command import Command


def show_demo(hosts: int) -> int:
    """Returns: the worst exit code of the commands shown."""
    with tempfile.TemporaryDirectory(prefix="fleetctl-demo-") as directory:
        typer.secho(f"Raising a lab of {hosts} SSH servers on this machine …", dim=True)
        state = lab.up(hosts, directory=Path(directory) / "lab")
        try:
            shows = [
                ("run df", Command("df"), Output()),
                ("run -b df", Command("df"), Output(output=ViewName.FOLD)),
            ]
            worst = max(_show(line, command, output, state.inventory) for line, command, output in shows)
            typer.secho(f"\nTo keep a lab and play with it: {sys.argv[0]} lab up", dim=True)
            return worst
        finally:
            lab.down(Path(directory) / "lab")


def _show(line: str, command: Command, output: Output, inventory: str) -> int:
    typer.secho(f"\n$ fleetctl {line}", bold=True)
    return carry_out(command, Selection(inventory=[Path(inventory)]), Access(), Pace(), output)
