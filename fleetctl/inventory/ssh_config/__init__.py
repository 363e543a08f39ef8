"""OpenSSH's client configuration, ssh_config(5): what it says of a host, as settings of ours. Nothing is changed here.

lines (one line) → files (all files, parted into sections) → resolving (which sections hold for a host; the first value
of a keyword wins) → meaning (keywords become settings), with patterns, criteria, commands and tokens on the way.
"""

from fleetctl.inventory.ssh_config.files import Source, sources
from fleetctl.inventory.ssh_config.gathered import Said
from fleetctl.inventory.ssh_config.lines import LEVEL
from fleetctl.inventory.ssh_config.resolving import SshConfig
from fleetctl.inventory.ssh_config.tokens import Tokens, expand_command, local_user

__all__ = ["LEVEL", "Said", "Source", "SshConfig", "Tokens", "expand_command", "local_user", "sources"]
