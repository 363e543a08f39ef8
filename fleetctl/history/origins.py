"""Who begins a run, and where."""

from __future__ import annotations

import getpass
import os
import socket


def user() -> str:
    """Who we are here, and who became us by sudo."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a user id without a name
        name = str(os.geteuid())
    before = os.environ.get("SUDO_USER", "")
    return f"{name} (sudo by {before})" if before and before != name else name


def machine() -> str:
    """This machine, the terminal, and the address that the user came from by ssh."""
    client = os.environ.get("SSH_CONNECTION", "").partition(" ")[0]
    words = [socket.gethostname(), _terminal(), f"from {client}" if client else ""]
    return " ".join(filter(None, words))


def _terminal() -> str:
    for descriptor in range(3):
        try:
            return os.ttyname(descriptor).removeprefix("/dev/")
        except OSError:
            continue
    return ""
