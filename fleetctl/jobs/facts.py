"""What a host is, asked in one round trip: a POSIX sh script that needs nothing but the system's own commands."""

from __future__ import annotations

from typing import Any

from fleetctl.cancel import Cancel
from fleetctl.ssh.any_session import AnySession


def gather(session: AnySession, cancel: Cancel) -> dict[str, Any]:
    """Raises: as `Session.run`."""
    raise NotImplementedError
