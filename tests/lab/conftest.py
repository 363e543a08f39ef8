"""A lab that the tests of this room share; they must leave it as it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fleetctl.lab import Lab


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("shared") / "lab", 5, password=True) as lab:
        yield lab


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where a test can have a lab of its own."""
    return tmp_path / "lab"
