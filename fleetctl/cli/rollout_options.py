"""The options of how a run goes through its hosts: which first, how many at a time, what stops it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec
import typer

from fleetctl.arranging import Order
from fleetctl.cli.values import budget, duration, filled, pause, steps

_ROLLOUT = "Rollout"
_PACE = "Pace and patience"


class CheckOn(StrEnum):
    """The values of --check-on."""

    HOSTS = "hosts"
    LOCAL = "local"


class Limits(msgspec.Struct, frozen=True):
    """For every command that does something on many hosts."""

    order: Annotated[
        Order, typer.Option("--order", rich_help_panel=_ROLLOUT, help="Which hosts come first.")
    ] = Order.INVENTORY  # fmt: skip
    pick: Annotated[
        int | None,
        typer.Option("--pick", metavar="N", min=1, rich_help_panel=_ROLLOUT, help="Only N hosts, taken at random."),
    ] = None
    max_failures: Annotated[
        str | None,
        typer.Option(
            "--max-failures", metavar="N|P%", callback=budget, rich_help_panel=_ROLLOUT,
            help="Begin no further host when more than N have failed. With batches 0; else there is no limit.",
        ),
    ] = None  # fmt: skip
    ignore_unreachable: Annotated[
        bool,
        typer.Option(
            "--ignore-unreachable", rich_help_panel=_ROLLOUT, help="Hosts that cannot be reached are no failures then."
        ),
    ] = False
    deadline: Annotated[
        float | None,
        typer.Option(
            "--deadline", metavar="TIME", parser=duration, rich_help_panel=_PACE,
            help="How long all of it may take; then it is called off: 90s, 2h.",
        ),
    ] = None  # fmt: skip


class Batches(msgspec.Struct, frozen=True):
    """For commands that change something."""

    batch: Annotated[
        str | None,
        typer.Option(
            "--batch", metavar="N|P%,...", callback=steps, rich_help_panel=_ROLLOUT,
            help="So many hosts, then so many, the last again and again: 1,10%,50%.",
        ),
    ] = None  # fmt: skip
    serial: Annotated[
        bool, typer.Option("--serial", rich_help_panel=_ROLLOUT, help="One host after another; --batch 1.")
    ] = False
    pause: Annotated[
        str | None,
        typer.Option(
            "--pause", metavar="TIME|ask", callback=pause, rich_help_panel=_ROLLOUT,
            help="Wait between batches, or ask whether to go on.",
        ),
    ] = None  # fmt: skip
    check: Annotated[
        str | None,
        typer.Option(
            "--check", metavar="COMMAND", callback=filled, rich_help_panel=_ROLLOUT,
            help="Run this after each batch, on its hosts that were ok; the run stops where it fails.",
        ),
    ] = None  # fmt: skip
    check_on: Annotated[
        CheckOn, typer.Option("--check-on", rich_help_panel=_ROLLOUT, help="Or run it once, on this machine.")
    ] = CheckOn.HOSTS
    check_timeout: Annotated[
        float,
        typer.Option(
            "--check-timeout", metavar="TIME", parser=duration, rich_help_panel=_ROLLOUT, show_default=False,
            help="How long it may take (default: 60s).",
        ),
    ] = 60.0  # fmt: skip
