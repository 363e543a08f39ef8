"""Streams that our caller closed, or that take nothing: the exit code tells, and no traceback is shown."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.support.broken import free_port
from tests.support.fleetctl import SCRIPT, Fleetctl, own_mistakes


def shell(fleetctl: Fleetctl, line: str) -> subprocess.CompletedProcess[str]:
    """A line for /bin/sh, in which `$0` is the installed command."""
    return subprocess.run(
        ["/bin/sh", "-c", line, SCRIPT], env=fleetctl.environment(None), cwd=fleetctl.home,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_changes_nothing_but_what_is_seen(fleetctl: Fleetctl, closed: str) -> None:
    run = f'"$0" run -H 127.0.0.1:{free_port()} true {closed}'
    assert shell(fleetctl, run).returncode == 3
    done = shell(fleetctl, f'"$0" hosts -H web01 {closed}')
    assert done.returncode == 0
    assert own_mistakes(done.stderr) == []


@pytest.mark.parametrize("what", ["--version", "hosts -H web01", "inventory schema"])
def test_output_that_cannot_be_written_is_an_error(fleetctl: Fleetctl, what: str) -> None:
    done = shell(fleetctl, f'"$0" {what} >/dev/full')
    assert done.returncode == 1
    assert done.stderr == "fleetctl: output: No space left on device\n"


def test_an_error_that_nobody_can_be_told_has_its_exit_code(fleetctl: Fleetctl) -> None:
    """And the audit has its end, although the closing lines cannot be written."""
    config = fleetctl.home / ".config" / "fleetctl"
    config.mkdir(parents=True)
    (config / "config.yaml").write_text(f"audit: {{file: {fleetctl.home}/audit}}\n")
    done = shell(fleetctl, f'"$0" run -H 127.0.0.1:{free_port()} true 2>/dev/full')
    assert done.returncode == 1
    began, ended = (json.loads(line) for line in (fleetctl.home / "audit").read_text().splitlines())
    assert (began["event"], ended["event"], ended["exit_code"]) == ("began", "ended", 1)
