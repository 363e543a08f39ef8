"""From the selection options, or a TARGET given as an argument, to a target expression and host names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fleetctl.cli.options import Selection
from fleetctl.cli.sources import load_inventory
from fleetctl.inventory import parse_adhoc


def with_words(selection: Selection, words: Sequence[str]) -> Selection:
    """The selection with TARGET arguments added to --target."""
    return replace(selection, target=",".join(part for part in (selection.target, *words) if part))


def selected_names(selection: Selection) -> list[str]:
    """Names in inventory order. Raises: InventoryError, TargetError."""
    inventory = load_inventory(selection.inventory, selection.host)
    return inventory.select(wanted(selection), selection.exclude)


def wanted(selection: Selection) -> str:
    """The target expression, in which the hosts named with -H count as well."""
    return ",".join(part for part in (selection.target, *(parse_adhoc(spec).name for spec in selection.host)) if part)
