"""`fleetctl trust`: see the host keys of a fleet at one glance, and write the new ones down."""

from __future__ import annotations

from typing import Annotated

import typer

from fleetctl.cli.expand import expanded
from fleetctl.cli.options import Access, NoHistory, Pace, Selection, TargetWords


@expanded
def trust(
    selection: Selection,
    access: Access,
    pace: Pace,
    words: TargetWords = None,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Write new keys without asking.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Write changed keys too, in place of the old.")] = False,
    no_history: NoHistory = False,
) -> None:
    """Show the host keys of servers, and write the new ones to known_hosts after a question."""
    from fleetctl.cli.selecting import with_words
    from fleetctl.cli.trusting import look_and_write

    chosen = with_words(selection, words or [])
    raise typer.Exit(look_and_write(chosen, access, pace, yes=yes, replace=replace, no_history=no_history))
