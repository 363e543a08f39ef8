"""What tests of file transfer share: hosts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.sshd import Sshd


@pytest.fixture
def one(sshd: Sshd, tmp_path: Path) -> Path:
    """An inventory of h001."""
    return sshd.inventory(tmp_path, 1)


@pytest.fixture
def three(sshd: Sshd, tmp_path: Path) -> Path:
    """An inventory of h001, h002 and h003, which are one machine."""
    return sshd.inventory(tmp_path, 3)
