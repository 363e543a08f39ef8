"""Where a command's hosts come from: the inventory files named, or the default ones."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from fleetctl.cli.talk import warn
from fleetctl.errors import UsageError
from fleetctl.inventory import Inventory, find_default, load, ssh_config_sources


def load_inventory(files: Sequence[Path], adhoc: Sequence[str] = (), ssh_config: Path | None = None) -> Inventory:
    """The merged inventory; with ad-hoc hosts alone, none is needed.

    Args:
        ssh_config: what follows -F; None for the files that ssh reads.

    Raises: InventoryError; UsageError when there is no inventory at all, or no such ssh_config file.
    """
    paths = list(files) or find_default()
    if not paths and not adhoc:
        raise UsageError(
            "no inventory found",
            hint="write ./inventory.yaml, name one with -i or $FLEETCTL_INVENTORY, or name hosts with -H; "
            "`fleetctl demo` needs none",
        )
    inventory = load(paths, ssh_config_sources(ssh_config), warn, _recall)
    return inventory.with_hosts(adhoc) if adhoc else inventory


def _recall(kind: str, name: str) -> list[str]:
    from fleetctl.cli.past import recall  # it brings sqlite3, and few targets ask for earlier runs

    return recall(kind, name)


def digest(files: Sequence[Path], adhoc: Sequence[str] = ()) -> str:
    """What all inventory files say, and the hosts named beside them, as one word that is another when any of it is.

    What can be read but once, such as a pipe, does not count.
    """
    said = hashlib.blake2b(digest_size=8)
    for path in list(files) or find_default():
        if path.is_file():
            said.update(hashlib.blake2b(path.read_bytes()).digest())
    said.update("\0".join(adhoc).encode(errors="surrogateescape"))
    return said.hexdigest()
