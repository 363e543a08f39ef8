"""What these tests share: hosts, and a login that may become another user on one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.account import Account
from tests.support.fleetctl import Fleetctl
from tests.support.privileges import Run
from tests.support.running import Ran
from tests.support.sshd import Sshd


@pytest.fixture
def one(sshd: Sshd, tmp_path: Path) -> Path:
    """An inventory of h001."""
    return sshd.inventory(tmp_path, 1)


@pytest.fixture
def three(sshd: Sshd, tmp_path: Path) -> Path:
    """An inventory of h001, h002 and h003, which are one machine."""
    return sshd.inventory(tmp_path, 3)


@pytest.fixture
def run(fleetctl: Fleetctl, deputy: Account, deputy_sshd: Sshd, tmp_path: Path) -> Run:
    """`run("-s", "id")` runs it on one host that the deputy logs in to.

    `password` is what the inventory has for sudo, `settings` are its defaults, `server` is who is the host.
    """

    def run(
        *words: str,
        password: str | None = deputy.password,
        stdin: bytes | None = None,
        server: Sshd = deputy_sshd,
        **settings: Any,
    ) -> Ran:
        secret = {} if password is None else {"sudo_password": {"env": "SUDO_SECRET"}}
        inventory = server.inventory(tmp_path, 1, **secret, **settings)
        return fleetctl("run", "-i", inventory, *words, stdin=stdin, env={"SUDO_SECRET": password or ""})

    return run
