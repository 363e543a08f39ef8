"""What tests of file transfer share: hosts, and a directory that both the tests and the login user can use."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.account import Account
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
def far(account: Account) -> Iterator[Path]:
    """An empty directory that belongs to the login user."""
    directory = Path(tempfile.mkdtemp(prefix="far-", dir=account.home))
    owner = Path(account.home).stat()
    os.chown(directory, owner.st_uid, owner.st_gid)
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """An empty directory of whoever runs the tests."""
    directory = tmp_path / "here"
    directory.mkdir()
    return directory
