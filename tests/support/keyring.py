"""A keyring for tests: it knows the password of `deploy` for the service `fleet`, which is in a variable."""

from __future__ import annotations

import os

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked


class OnePassword(KeyringBackend):
    priority = 1.0

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError

    def get_password(self, service: str, username: str) -> str | None:
        if service == "locked":
            raise KeyringLocked("hunter2")
        return os.environ["KEYRING_PASSWORD"] if (service, username) == ("fleet", "deploy") else None
