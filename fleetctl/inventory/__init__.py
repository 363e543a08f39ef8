"""From YAML files to hosts: what the user wrote, checked, selected and resolved. Nothing here connects."""

from fleetctl.inventory.adhoc import jump_words, parse_adhoc
from fleetctl.inventory.inventory import Inventory, Setting, find_default, load
from fleetctl.inventory.precedence import Overrides
from fleetctl.inventory.types import schema
from fleetctl.inventory.vault_place import VaultPlace

__all__ = [
    "Inventory", "Overrides", "Setting", "VaultPlace", "find_default", "jump_words", "load", "parse_adhoc", "schema",
]  # fmt: skip
