"""Jobs in trouble: a connection that is lost in a step, a run that is called off, what is killed."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml

from tests.support import broken, processes
from tests.support.fleetctl import Fleetctl, Ran
from tests.support.sshd import Sshd


def ends(ran: Ran) -> dict[str, dict[str, Any]]:
    return {event["host"]: event["outcome"] for event in ran.events if event["type"] == "host_finished"}


def steps(ran: Ran, host: str) -> dict[str, str]:
    return {
        event["step"]: event["status"]
        for event in ran.events
        if event["type"] == "step_finished" and event["host"] == host
    }


def open_pipe(path: Path) -> None:
    """One that whoever runs there may read."""
    os.mkfifo(path)
    path.chmod(0o644)


def test_a_host_that_is_lost_in_a_step_holds_nobody_up_and_is_cleaned_up_after_here(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, far: Path
) -> None:
    inventory = sshd.inventory(tmp_path, 3, host_key_policy="off")
    path = tmp_path / "job.yaml"
    path.write_text(
        f"""
        steps:
        - {{name: killed, run: kill -9 $$, ignore_errors: true}}
        - {{name: work, run: "echo begun; read line < {far}/{{{{ host.name }}}}"}}
        - {{name: all, barrier: true}}
        - {{name: after, run: echo after}}
        - {{name: there, run: echo tidy, always: true}}
        - {{name: here, local: "echo put back {{{{ host.name }}}}", always: true}}
        """
    )
    for host in ("h001", "h002", "h003"):
        open_pipe(far / host)
    with ExitStack() as life:
        content = yaml.safe_load(inventory.read_text())
        port = life.enter_context(broken.cutting_relay(("127.0.1.2", sshd.port)))
        content["hosts"]["h002"] = {"address": "127.0.0.1", "port": port}
        inventory.write_text(yaml.safe_dump(content, sort_keys=False))
        with fleetctl.start("job", "run", "-i", inventory, "-t", "*", path, "-o", "ndjson") as running:
            running.wait_for_times('"data":"begun', 3)
            life.close()
            running.wait_for('"data":"put back h002')
            for host in ("h001", "h003"):
                (far / host).write_text("go\n")
            ran = running.finish()
        (far / "h002").write_text("go\n")  # it runs on there
    assert ran.exit_code == 3
    lost = ends(ran)["h002"]
    assert (lost["status"], lost["step"], lost["remote_ended"]) == ("unreachable", "work", False)
    assert lost["error"]["code"] == "connection-lost"
    assert steps(ran, "h002") == {"killed": "ignored", "work": "failed", "there": "failed", "here": "changed"}
    for host in ("h001", "h003"):
        assert ends(ran)[host]["status"] == "ok"
        assert list(steps(ran, host)) == ["killed", "work", "all", "after", "there", "here"]
    sshd.wait_for_sessions()


def test_called_off_what_runs_there_and_here_is_ended_and_who_waits_goes_home(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path
) -> None:
    inventory = sshd.inventory(tmp_path, 4)
    path = tmp_path / "job.yaml"
    path.write_text(
        """
        steps:
        - name: here
          local: 'echo $$ > pid; echo begun; sleep 7396; :'
          when: host.name == 'h001'
        - {name: there, run: "echo begun; sleep 7397; :", when: host.name == 'h002'}
        - {name: all, barrier: true}
        - {name: never, run: echo never, always: true}
        """
    )
    words = ("job", "run", "-i", inventory, "-t", "*", "-f", "3", path, "-o", "ndjson")
    with fleetctl.start(*words) as running:
        running.wait_for_times('"data":"begun', 2)
        running.wait_for_times('"step":"there","number":2,"status":"skipped"', 2)
        running.process.terminate()
        ran = running.finish()
    assert ran.exit_code == 130
    found = {host: (one["status"], one["step"], one["remote_ended"]) for host, one in ends(ran).items()}
    assert found == {
        "h001": ("cancelled", "here", True), "h002": ("cancelled", "there", True),
        "h003": ("cancelled", "all", True), "h004": ("cancelled", "all", True),
    }  # fmt: skip
    assert ends(ran)["h002"]["killed"]
    assert "never" not in ran.stdout.replace('"never"', "")
    assert processes.command_line(int((tmp_path / "pid").read_text())) == ""
    assert not any("7397" in line for line in sshd.running())
