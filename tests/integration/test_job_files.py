"""Steps of jobs that take something of this machine to the hosts, or fetch it: on a real sshd, by the command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.fleetctl import Fleetctl
from tests.support.running import Ran
from tests.support.sshd import Sshd

Play = Callable[..., tuple[Ran, dict[str, str]]]


@pytest.fixture
def play(fleetctl: Fleetctl, sshd: Sshd, here: Path, far: Path, tmp_path: Path) -> Play:
    """`play(steps, "--diff", hosts=2)` plays them. Returns: how it ran, and how each step ended on the last host."""

    def play(steps: list[dict[str, Any]], *options: str | Path, hosts: int = 1, **head: Any) -> Any:
        job = here / "job.yaml"
        job.write_text(yaml.safe_dump({"vars": {"far": str(far)}, "steps": steps} | head, sort_keys=False))
        inventory = sshd.inventory(tmp_path, hosts, env={"TMPDIR": str(far)})
        ran = fleetctl("job", "run", "-i", inventory, "-t", "*", "-o", "ndjson", *options, job)
        events = [json.loads(line) for line in ran.stdout.splitlines()]
        return ran, {event["step"]: event["status"] for event in events if event["type"] == "step_finished"}

    return play


def said(ran: Ran, step: str, stream: str = "stdout") -> str:
    """What the one host has written in a step."""
    events = [json.loads(line) for line in ran.stdout.splitlines()]
    begun = next(place for place, event in enumerate(events) if event.get("step") == step)
    ended = next(place for place, event in enumerate(events) if event.get("step") == step and "status" in event)
    return "".join(event["data"] for event in events[begun:ended] if event.get("stream") == stream)


def test_scripts_input_and_facts(play: Play, here: Path, far: Path) -> None:
    (here / "report.py").write_text("#!/usr/bin/env python3\nimport sys\nprint(sys.argv[1:], sys.stdin.read())\n")
    ran, ends = play(
        [
            {"name": "fed", "run": {"line": "cat", "stdin": "to {{ host.name }}: 'é'\n"}},
            {"name": "not fed", "run": "cat"},
            {"name": "report", "script": {"file": "report.py", "args": ["a b", "{{ host.name }}"], "stdin": "x"}},
            {"name": "as asked", "script": {"file": "report.py", "interpreter": "wc -l"}},
            {"name": "facts", "run": "echo {{ facts.cpus }} {{ facts.user | quote }} {{ facts.disks[0].mount }}"},
            {"name": "missing", "script": "{{ facts.os }}-nowhere.sh", "ignore_errors": True},
        ]
    )
    assert ends == dict.fromkeys(["fed", "not fed", "report", "as asked", "facts"], "changed") | {"missing": "ignored"}
    assert said(ran, "fed") == "to h001: 'é'\n"
    assert said(ran, "not fed") == ""
    assert said(ran, "report") == "['a b', 'h001'] x\n"
    assert said(ran, "as asked").startswith("3 ")
    assert list(far.iterdir()) == []
