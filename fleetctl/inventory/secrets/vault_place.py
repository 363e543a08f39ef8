"""Where the vault is and which key opens it: as said, else as the environment has it, else the user's own."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import platformdirs

_KEYS = ("id_ed25519", "id_rsa")
"""In `~/.ssh`, of the kinds that the age format knows."""


class VaultPlace(msgspec.Struct, frozen=True):
    """What was said of the vault; None where nothing was.

    Args:
        file: the vault.
        key: a private SSH key that opens it.
    """

    file: Path | None = None
    key: Path | None = None

    @property
    def path(self) -> Path:
        """Where the vault is, or would be; a link is followed, so that what is written goes where it leads."""
        named = self.file or _from_variable("FLEETCTL_VAULT") or platformdirs.user_config_path("fleetctl") / "vault.age"
        return at_home(named).absolute().resolve()

    @property
    def keys(self) -> tuple[Path, ...]:
        """The private keys to try: the one that was named, else the user's own as far as there are any."""
        named = self.key or _from_variable("FLEETCTL_VAULT_KEY")
        if named is not None:
            return (at_home(named),)
        own = (Path.home() / ".ssh" / name for name in _KEYS)
        return tuple(path for path in own if path.is_file())


def _from_variable(name: str) -> Path | None:
    value = os.environ.get(name, "")
    return Path(value) if value else None


def at_home(path: Path) -> Path:
    """With `~` as the shell has it, which leaves that of an unknown user as it is."""
    try:
        return path.expanduser()
    except RuntimeError:
        return path
