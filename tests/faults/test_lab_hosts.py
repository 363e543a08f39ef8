"""Hosts of the lab that misbehave: another SSH server than OpenSSH, and faults that OpenSSH cannot be made to show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fleetctl.lab import Fault, Lab
from tests.support.fleetctl import Fleetctl

GOOD = "lab01"
BAD = "lab02"


def outcomes(fleetctl: Fleetctl, lab: Lab, *options: str) -> dict[str, dict[str, Any]]:
    ran = fleetctl("run", "-i", lab.inventory, "-o", "json", *options)
    return {host["host"]: host for host in ran.json["hosts"]}


@pytest.mark.parametrize("admits", ["password-only", "key-then-password"])
def test_a_second_method_logs_in_where_the_first_does_not_do(fleetctl: Fleetctl, tmp_path: Path, admits: Any) -> None:
    with Lab(tmp_path / "lab", 2, password=True, faults={BAD: Fault(admits=admits)}) as lab:
        found = outcomes(fleetctl, lab, "echo hi")
    assert {name: host["stdout"] for name, host in found.items()} == {GOOD: "hi\n", BAD: "hi\n"}


def test_a_host_that_admits_nobody_is_denied_with_all_that_was_offered(fleetctl: Fleetctl, tmp_path: Path) -> None:
    with Lab(tmp_path / "lab", 2, password=True, faults={BAD: Fault(admits="deny")}) as lab:
        found = outcomes(fleetctl, lab, "echo hi")
        attempts = lab.attempts(BAD)
    assert found[GOOD]["status"] == "ok"
    assert found[BAD]["status"] == "denied"
    offered = found[BAD]["error"]["facts"]["offered"]
    assert [name.split()[0] for name in offered] == ["key", "password"]
    assert attempts == 2


@pytest.mark.parametrize(
    ("fault", "options", "status", "code"),
    [
        (Fault(refuse_after=0), (), "unreachable", "connection-refused"),
        (Fault(max_sessions=0), (), "error", "channel-refused"),
        (Fault(answers_exec=False), ("--timeout", "1s"), "timeout", "timed-out"),
        (Fault(bytes_per_second=1), ("--timeout", "1s"), "timeout", "timed-out"),
        (Fault(banner_delay=60), ("--login-timeout", "1s"), "unreachable", "connect-timeout"),
        (Fault(reset_after=4), (), "unreachable", "connection-lost"),
    ],
)
def test_a_fault_is_one_clear_outcome_and_the_other_host_is_done(
    fleetctl: Fleetctl, tmp_path: Path, fault: Fault, options: tuple[str, ...], status: str, code: str
) -> None:
    with Lab(tmp_path / "lab", 2, faults={BAD: fault}) as lab:
        found = outcomes(fleetctl, lab, *options, "echo hello")
    assert found[GOOD]["status"] == "ok"
    assert (found[BAD]["status"], found[BAD]["error"]["code"]) == (status, code)
    assert found[BAD]["error"]["hint"]


@pytest.mark.parametrize("ends", ["signal", "nothing"])
def test_a_command_that_ends_without_exit_status_has_failed(fleetctl: Fleetctl, tmp_path: Path, ends: Any) -> None:
    with Lab(tmp_path / "lab", 2, faults={BAD: Fault(ends=ends)}) as lab:
        found = outcomes(fleetctl, lab, "echo hi")
    bad = found[BAD]
    assert (bad["status"], bad["exit_code"], bad["signalled"], bad["stdout"]) == ("failed", None, True, "hi\n")


def test_what_came_before_a_reset_is_kept(fleetctl: Fleetctl, tmp_path: Path) -> None:
    with Lab(tmp_path / "lab", 2, faults={BAD: Fault(reset_after=6)}) as lab:
        found = outcomes(fleetctl, lab, "echo first; cat")
    assert found[BAD]["stdout"] == "first\n"


def test_a_server_that_hangs_up_before_the_banner_is_tried_again(fleetctl: Fleetctl, tmp_path: Path) -> None:
    with Lab(tmp_path / "lab", 2, faults={BAD: Fault(close_first=2)}) as lab:
        found = outcomes(fleetctl, lab, "echo hi")
        assert lab.connections(BAD) == 3
    assert (found[BAD]["status"], found[BAD]["attempts"]) == ("ok", 3)


def test_a_slow_host_delays_nobody_elses_lines(fleetctl: Fleetctl, tmp_path: Path) -> None:
    with (
        Lab(tmp_path / "lab", 3, faults={BAD: Fault(banner_delay=60)}) as lab,
        fleetctl.start("run", "-i", lab.inventory, "echo hi from $LOGNAME") as running,
    ):
        running.wait_for(f"{GOOD}: hi")
        running.wait_for("lab03: hi")
        assert running.process.poll() is None


def test_a_command_past_its_time_is_killed(fleetctl: Fleetctl, tmp_path: Path) -> None:
    with Lab(tmp_path / "lab", 2) as lab:
        found = outcomes(fleetctl, lab, "--timeout", "1s", "echo begun; sleep 600 | sleep 600")
    assert {(host["stdout"], host["status"], host["killed"]) for host in found.values()} == {
        ("begun\n", "timeout", True)
    }
