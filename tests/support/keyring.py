"""A keyring for tests: for the service `fleet` and the user `deploy` it knows what is in the file KEYRING_FILE."""

from __future__ import annotations

import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked


class OnePassword(KeyringBackend):
    priority = 1.0

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError

    def get_password(self, service: str, username: str) -> str | None:
        if service == "locked":
            raise KeyringLocked("hunter2")
        return Path(os.environ["KEYRING_FILE"]).read_text() if (service, username) == ("fleet", "deploy") else None
