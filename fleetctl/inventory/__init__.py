"""From YAML files and ssh_config to hosts: what a user wrote, checked, selected and resolved. Nothing connects."""

from fleetctl.inventory.adhoc import jump_words, parse_adhoc
from fleetctl.inventory.inventory import Inventory, Setting, find_default, load
from fleetctl.inventory.name_files import reads_stdin
from fleetctl.inventory.precedence import Overrides
from fleetctl.inventory.secrets.vault_place import VaultPlace
from fleetctl.inventory.ssh_config import sources as ssh_config_sources
from fleetctl.inventory.types import schema

__all__ = [
    "Inventory", "Overrides", "Setting", "VaultPlace", "find_default", "jump_words", "load", "parse_adhoc",
    "reads_stdin", "schema", "ssh_config_sources",
]  # fmt: skip
