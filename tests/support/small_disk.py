"""A disk that is soon full, for tests that run as root."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(path: Path, megabytes: int) -> Iterator[Path]:
    """Mount an empty disk of this size at `path`, which is made if needed, until the block ends.

    Everybody may write there. Skips the test with the reason where nothing can be mounted.
    """
    if os.geteuid() != 0:
        pytest.skip("only root mounts a small disk")
    path.mkdir(exist_ok=True)
    options = f"size={megabytes}m,mode=1777"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "fleettest", path],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    if done.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    try:
        yield path
    finally:
        # Whoever is still in there, such as a session that is about to end, need not be waited for.
        subprocess.run(["umount", "--lazy", path], timeout=30, check=True)
