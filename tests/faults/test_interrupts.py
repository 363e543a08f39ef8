"""Ctrl-C: what waits is cancelled, what runs is cut, the summary is still told; the second leaves at once."""

from __future__ import annotations

import signal
import subprocess
from contextlib import suppress
from pathlib import Path

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


def test_ctrl_c_on_a_terminal_leaves_a_clean_screen(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> None:
    inventory = sshd.inventory(tmp_path, 2)
    with fleetctl.on_terminal("run", "-i", inventory, "echo begun; exec sleep 62") as running:
        running.wait_for("begun")
        running.type("\x03")
        ran = running.finish()
    assert ran.exit_code == 130
    assert "2 cancelled" in ran.stdout
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


def test_sigterm_cancels_as_well(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> None:
    inventory = sshd.inventory(tmp_path, 2)
    with fleetctl.start("run", "-i", inventory, "echo begun; exec sleep 63") as running:
        running.wait_for("begun")
        running.signal(signal.SIGTERM)
        ran = running.finish()
    assert ran.exit_code == 130
    assert "terminated" in ran.stderr
