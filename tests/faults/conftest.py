"""What tests of faults share: a sound host beside the bad one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.beside import Beside
from tests.support.fleetctl import Fleetctl
from tests.support.sshd import Sshd


@pytest.fixture
def beside(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, here: Path, far: Path) -> Beside:
    found = Beside(fleetctl, sshd, tmp_path, here, far)
    found.there.mkdir(parents=True)
    return found
