"""A host record that leads to a test server."""

from __future__ import annotations

from pathlib import Path

from fleetctl.model import Host, Login
from tests.support.sshd import Sshd


def host_of(server: Sshd, directory: Path) -> Host:
    """Its known_hosts file is written to the directory."""
    known = server.known_hosts(directory / "known_hosts", ["127.0.1.1"])
    login = Login(server.user, (str(server.key("ed25519")),))
    return Host("h", "127.0.1.1", login, server.port, known_hosts=(str(known),))
