"""Ctrl-C and its kin: who still runs is told, what runs is cut, the summary is still told; one more leaves at once."""

from __future__ import annotations

import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.fleetctl import Fleetctl, Running, own_mistakes
from tests.support.sshd import Sshd


def test_ctrl_c_cancels_the_run_and_still_tells_how_it_ended(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> None:
    inventory = sshd.inventory(tmp_path, 10)
    with fleetctl.start("run", "-f", "2", "-i", inventory, "-o", "ndjson", "echo begun; exec sleep 61") as running:
        running.wait_for("begun")
        running.signal(signal.SIGINT)
        ran = running.finish()
    assert ran.exit_code == 130
    ends = [event["outcome"]["status"] for event in ran.events if event["type"] == "host_finished"]
    assert ends == ["cancelled"] * 10
    assert "10 cancelled" in ran.stderr
    assert "interrupted" in ran.stderr
    run = next(event["run"] for event in ran.events if event["type"] == "run_started")
    assert ran.stderr.endswith(f"go on with: fleetctl rerun {run} --unfinished\n")


def test_at_a_terminal_the_first_ctrl_c_tells_who_runs_and_the_second_soon_after_cancels(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path
) -> None:
    inventory = sshd.inventory(tmp_path, 2)
    with fleetctl.on_terminal("run", "--no-history", "-i", inventory, "echo begun; exec sleep 62") as running:
        running.wait_for_match("begun[^$]*begun")
        running.type("\x03")
        running.wait_for_match(r"2 of 2 hosts still run: \S+, the longest \S+ for \d+ s — Ctrl-C again within 2 s")
        running.type("\x03")
        ran = running.finish()
    assert ran.exit_code == 130
    assert "2 cancelled" in ran.stdout
    assert f"go on with: fleetctl run --no-history -i {inventory} 'echo begun; exec sleep 62'" in ran.stdout
    assert own_mistakes(ran.stdout) == []


def test_the_second_ctrl_c_leaves_at_once(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> None:
    inventory = sshd.inventory(tmp_path, 1)
    with fleetctl.start("run", "-N", "-i", inventory, "yes") as running:
        # Nobody reads our output any more: the first Ctrl-C cannot finish the run.
        running.wait_for("y\n")
        running.signal(signal.SIGINT)
        assert _signalled_until_gone(running) == 130


def _signalled_until_gone(running: Running) -> int:
    """Sends one more Ctrl-C whenever the last one has had a second: two that are pending at once are but one."""
    for _ in range(30):
        running.signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            return running.process.wait(1)
    raise AssertionError("does not leave")


@pytest.mark.parametrize(("number", "why"), [(signal.SIGTERM, "terminated"), (signal.SIGHUP, "the terminal is gone")])
def test_other_signals_cancel_at_once_even_at_a_terminal(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, number: signal.Signals, why: str
) -> None:
    inventory = sshd.inventory(tmp_path, 2)
    with fleetctl.on_terminal("run", "-i", inventory, "echo begun; exec sleep 63") as running:
        running.wait_for("begun")
        running.signal(number)
        ran = running.finish()
    assert ran.exit_code == 130
    assert why in ran.stdout
    assert "2 cancelled" in ran.stdout
