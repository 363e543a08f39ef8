"""One fleet for the documents of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.stage import Stage, raised


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with raised(tmp_path_factory.mktemp("stage")) as made:
        yield made
