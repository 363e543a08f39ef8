"""What the shell offers on Tab: hosts and groups of the inventory that the line names, or of the default one."""

from __future__ import annotations

from pathlib import Path

import typer

_OPERATORS = ",&!^"


def complete_target(context: typer.Context, incomplete: str) -> list[str]:
    """Hosts and @groups that the last name of the expression may become. Broken inventories offer nothing."""
    from fleetctl.cli.sources import load_inventory
    from fleetctl.errors import FleetError

    start = max(incomplete.rfind(operator) for operator in _OPERATORS) + 1
    before, word = incomplete[:start], incomplete[start:]
    try:
        # While the line is being typed typer does not convert: paths are still words.
        inventory = load_inventory([Path(file) for file in context.params.get("inventory") or []])
    except FleetError:
        return []
    names = [*inventory.names, *(f"@{group}" for group in inventory.group_names)]
    return [before + name for name in names if name.startswith(word)]
