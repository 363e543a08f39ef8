"""The runner of the installed command: what crashes is told from what fails as it should."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.fleetctl import Fleetctl, own_mistakes


def with_a_mistake(directory: Path, module: str, function: str) -> dict[str, str]:
    """Variables for a command in which a function of ours has a mistake."""
    (directory / "sitecustomize.py").write_text(f"import {module}\n{module}.{function} = lambda *_: 1 // 0\n")
    return {"PYTHONPATH": str(directory)}


def test_a_crash_of_the_command_fails_its_test(fleetctl: Fleetctl, tmp_path: Path) -> None:
    mistaken = with_a_mistake(tmp_path, "fleetctl.inventory", "load")
    with pytest.raises(AssertionError, match="this is a mistake of fleetctl itself"):
        fleetctl("hosts", "-H", "web01", env=mistaken)


@pytest.mark.parametrize("view", ["stream", "json", "ndjson"])
def test_a_crash_for_one_host_fails_it_too(fleetctl: Fleetctl, tmp_path: Path, view: str) -> None:
    mistaken = with_a_mistake(tmp_path, "fleetctl.ssh.pool", "Pool.session")
    with pytest.raises(AssertionError, match="this is a fault of fleetctl"):
        fleetctl("run", "-H", "127.0.0.1:1", "-o", view, "true", env=mistaken)


def test_a_traceback_is_a_crash_unless_it_was_asked_for() -> None:
    said = "Traceback (most recent call last):\n  File …\nValueError: no"
    assert own_mistakes(said) == ["Traceback (most recent call last):"]
    assert own_mistakes(said, tracebacks=True) == []
    assert own_mistakes("fleetctl: inventory.yaml: no such file\n  → name another") == []
