"""A run that is told again from history is the run that was made."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.support.fleetctl import Fleetctl


def test_what_is_shown_is_byte_for_byte_what_the_run_showed(fleetctl: Fleetctl, three: Path) -> None:
    command = "head -c 3000 /dev/urandom; echo sad >&2; exit $(($$ % 2 * 3))"
    live = fleetctl("run", "-i", three, "-o", "json", command)
    shown = fleetctl("show", "last", "-o", "json", "--exit-code")
    assert shown.stdout_bytes == live.stdout_bytes
    assert shown.exit_code == live.exit_code
    assert shown.stderr.endswith(live.stderr)


def test_a_run_that_goes_on_is_listed_and_told_as_far_as_it_is(fleetctl: Fleetctl, three: Path) -> None:
    with fleetctl.start("run", "-i", three, "-N", "echo up; exec sleep 60") as running:
        running.wait_for("up\n")
        assert "  running  3 " in fleetctl("history").stdout
        shown = fleetctl("show")
        assert "3 hosts, " in shown.stderr
        assert "\nit still runs: 3 hosts to go: h[001-003]\n" in shown.stderr
        assert "h[001-003]  not done yet; may still run there\n" in shown.stderr
        running.signal(signal.SIGTERM)
        assert running.finish().exit_code == 130
