"""What `fleetctl demo` shows: the tool at work on a lab of its own, for someone who has no server at hand."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import typer

from fleetctl import lab
from fleetctl.cli.options import Output, Selection, ViewName
from fleetctl.cli.orders import Orders
from fleetctl.cli.running import carry_out
from fleetctl.engine.task import AnyOperation
from fleetctl.operations.command import Command
from fleetctl.operations.put import Put
from fleetctl.transfer.destination import Destination
from fleetctl.transfer.local import gather
from fleetctl.transfer.patterns import Filter


def show_demo(hosts: int) -> int:
    """Returns: the worst exit code of the commands shown."""
    with tempfile.TemporaryDirectory(prefix="fleetctl-demo-") as directory:
        typer.secho(f"Raising a lab of {hosts} SSH servers on this machine …", dim=True)
        state = lab.up(hosts, directory=Path(directory) / "lab")
        try:
            shows: list[tuple[str, AnyOperation, Output]] = [
                ("run df", Command("df"), Output()),
                ("run -b df", Command("df"), Output(output=ViewName.FOLD)),
                ("put motd etc/", _greeting(Path(directory) / "motd"), Output()),
            ]
            worst = max(_show(line, operation, output, state.inventory) for line, operation, output in shows)
            typer.secho(f"\nTo keep a lab and play with it: {sys.argv[0]} lab up", dim=True)
            return worst
        finally:
            lab.down(Path(directory) / "lab")


def _greeting(file: Path) -> Put:
    file.write_text("Nothing here matters: try things.\n")
    tree = gather([str(file)], recursive=False, links="copy", choice=Filter())
    return Put((file.name,), Destination("etc/", single=file.name), tree)


def _show(line: str, operation: AnyOperation, output: Output, inventory: str) -> int:
    typer.secho(f"\n$ fleetctl {line}", bold=True)
    return carry_out(operation, Orders("demo", Selection(inventory=[Path(inventory)]), output=output))
