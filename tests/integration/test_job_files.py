"""Steps of jobs that take something of this machine to the hosts, or fetch it: on a real sshd, by the command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.fleetctl import Fleetctl
from tests.support.privileges import Sudoers
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


def test_put_and_template_change_what_differs_and_nothing_else(play: Play, here: Path, far: Path) -> None:
    (here / "site").mkdir()
    (here / "site" / "a").write_text("a\n")
    (here / "site" / "b.log").write_text("b\n")
    (here / "one.conf").write_text("one\n")
    (here / "app.conf.j2").write_text("# {{ host.name }}\n{% for n in vars.ports %}port {{ n }}\n{% endfor %}")
    steps: list[dict[str, Any]] = [
        {
            "name": "tree",
            "put": {"src": "site/", "dest": "{{ vars.far }}/new/site", "mkdir": True, "exclude": ["*.log"]},
        },
        {"name": "files", "put": {"src": ["one.conf", "site/b*"], "dest": "{{ vars.far }}/", "mode": "0600"}},
        {
            "name": "template", "notify": "restart",
            "template": {"src": "app.conf.j2", "dest": "{{ vars.far }}/app.conf", "backup": True},
        },
    ]  # fmt: skip
    more: dict[str, Any] = {"vars": {"far": str(far), "ports": [80, 443]}}
    more["handlers"] = [{"name": "restart", "run": "echo restarted"}]
    ran, ends = play(steps, **more)
    everything = ("tree", "files", "template", "restart")
    assert ends == dict.fromkeys(everything, "changed"), ran.stdout
    assert (far / "app.conf").read_text() == "# h001\nport 80\nport 443\n"
    assert (far / "app.conf").stat().st_mode & 0o777 == 0o644
    assert [(far / name).stat().st_mode & 0o777 for name in ("one.conf", "b.log")] == [0o600] * 2
    assert [path.name for path in (far / "new/site").iterdir()] == ["a"]
    assert said(ran, "tree") == "1 file, 2 bytes sent\n"

    assert play(steps, **more)[1] == dict.fromkeys(everything[:3], "ok")

    (far / "new/site/a").write_text("x\n")
    (far / "one.conf").chmod(0o644)  # only its mode
    (far / "app.conf").chmod(0o640)
    more["vars"]["ports"] = [80, 8443]
    steps[0]["put"] |= {"delete": True}
    (far / "new/site/extra").touch()
    ran, ends = play(steps, "--diff", **more)
    assert ends == dict.fromkeys(everything, "changed")
    assert [path.name for path in (far / "new/site").iterdir()] == ["a"]
    assert (far / "one.conf").stat().st_mode & 0o777 == 0o600
    assert (far / "app.conf").stat().st_mode & 0o777 == 0o640  # it keeps what it has
    assert (far / "app.conf~").read_text().endswith("port 443\n")
    path = far / "app.conf"
    assert said(ran, "template").endswith(
        f"--- {path}\n+++ {path}\n@@ -2,2 +2,2 @@\n port 80\n-port 443\n+port 8443\n"
    ), said(ran, "template")


def test_what_goes_wrong_with_files_is_told_and_fails_the_step(play: Play, here: Path, far: Path) -> None:
    (here / "bad.j2").write_text("fine\n{% if x %}\n")
    (here / "worse.j2").write_text("fine\n\n{{ host.name }} {{ vars.nowhere }}\n")
    (here / "one").write_bytes(b"\0\xff")
    (here / "app.j2").write_text("{{ vars.far }}")
    steps: dict[str, dict[str, Any]] = {
        "no source": {"put": {"src": "{{ steps.dot.stdout }}/nowhere/*", "dest": "{{ vars.far }}/"}},
        "no place": {"put": {"src": "{{ steps.dot.stdout }}/one", "dest": "{{ vars.far }}/no/where"}},
        "nothing to delete": {"put": {"src": "{{ steps.dot.stdout }}/one", "dest": "{{ vars.far }}/", "delete": True}},
        "no path": {"put": {"src": "{{ steps.dot.stdout }}/one", "dest": "{{ vars.empty }}"}},
        "syntax": {"template": {"src": "{{ steps.dot.stdout }}/bad.j2", "dest": "{{ vars.far }}/bad"}},
        "variable": {"template": {"src": "{{ steps.dot.stdout }}/worse.j2", "dest": "{{ vars.far }}/bad"}},
        "no text": {"template": {"src": "{{ steps.dot.stdout }}/one", "dest": "{{ vars.far }}/bad"}},
        "no owner": {
            "template": {"src": "{{ steps.dot.stdout }}/app.j2", "dest": "{{ vars.far }}/bad", "owner": "nobody-here"}
        },
        "not there": {"get": {"src": "{{ vars.far }}/nowhere", "dest": "got"}},
        "same name": {"get": {"src": "{{ vars.far }}/nowhere", "dest": "got", "layout": "{name}"}},
        "way out": {"get": {"src": "{{ vars.far }}/nowhere", "dest": "got", "layout": "../{host}"}},
    }
    told = {
        "no source": "there is no ", "no place": "there is no directory ", "nothing to delete": "needs a directory",
        "no path": "comes to no path", "syntax": "bad.j2:2: ", "variable": "worse.j2:3: ",
        "no text": "is no UTF-8 text", "no owner": "there is no user nobody-here", "not there": "no such file or",
        "same name": "files of two hosts would get the same name", "way out": "`layout` names a place in `dest`",
    }  # fmt: skip
    ran, ends = play(
        [
            {"name": "dot", "run": "echo .", "register": "dot"},  # so that nobody can tell before
            *({"name": name, "ignore_errors": True} | step for name, step in steps.items()),
        ],
        vars={"far": str(far), "empty": ""},
    )
    assert ends == dict.fromkeys(steps, "ignored") | {"dot": "changed"}, ran.stderr
    events = [json.loads(line) for line in ran.stdout.splitlines()]
    errors = {event["step"]: event["error"]["message"] for event in events if event.get("status") == "ignored"}
    assert [(name, errors[name]) for name in told if told[name] not in errors[name]] == []
    hints = [event["error"]["hint"] for event in events if event.get("step") == "no place" and event.get("error")]
    assert hints == ["`mkdir: true` makes it"]
    assert list(far.iterdir()) == []
    assert not (here / "got").exists()


def test_get_fetches_what_differs_and_one_bad_host_stops_only_itself(play: Play, here: Path, far: Path) -> None:
    (far / "log").mkdir()
    (far / "log" / "a.log").write_text("a")
    (far / "log" / "b.txt").write_text("b")
    steps = [
        {"name": "logs", "get": {"src": ["{{ vars.far }}/log"], "dest": "got", "exclude": ["*.txt"]}},
        {
            "name": "flat",
            "get": {"src": "{{vars.far}}/log/*.txt", "dest": "flat/{{ host.name }}", "layout": "{name}"},
        },
        {"name": "script", "script": "nothing.sh", "when": "host.name == 'h002'"},
        {"name": "last", "run": "true"},
    ]
    (here / "nothing.sh").write_text("exit 5")
    ran, _ = play(steps, hosts=2)
    events = [json.loads(line) for line in ran.stdout.splitlines()]
    finished = [event for event in events if event["type"] == "step_finished"]
    ends = {
        host: {event["step"]: event["status"] for event in finished if event["host"] == host}
        for host in ("h001", "h002")
    }
    assert ends["h001"] == {"logs": "changed", "flat": "changed", "script": "skipped", "last": "changed"}
    assert ends["h002"] == {"logs": "changed", "flat": "changed", "script": "failed"}
    for host in ("h001", "h002"):
        assert [path.name for path in (here / "got" / host / "log").iterdir()] == ["a.log"]
        assert (here / "flat" / host / "b.txt").read_text() == "b"
    (far / "log" / "b.txt").write_text("c")
    assert play(steps, hosts=1)[1] == {"logs": "ok", "flat": "changed", "script": "skipped", "last": "changed"}


def test_another_user_may_own_it_all_and_a_step_that_takes_too_long_leaves_nothing(
    fleetctl: Fleetctl, deputy_sshd: Sshd, sudoers: Sudoers, here: Path, far: Path, tmp_path: Path
) -> None:
    sudoers("{user} ALL=(ALL:ALL) NOPASSWD: ALL")
    (here / "app.j2").write_text("for {{ host.name }}")
    (here / "slow.sh").write_text("trap '' TERM; id -un; sleep 624; sleep 624")
    place = far / "roots"
    owned = {"dest": f"{place}/app", "mode": "0640", "owner": "daemon:daemon", "mkdir": True}
    steps = [
        {"name": "template", "template": {"src": "app.j2"} | owned},
        {"name": "the same", "template": {"src": "app.j2"} | owned},
        {"name": "whose", "run": f"chown root {place}/app"},
        {"name": "again", "template": {"src": "app.j2"} | owned},
        {"name": "slow", "script": "slow.sh", "timeout": "1s", "env": {"TMPDIR": str(place)}},
    ]
    job = here / "job.yaml"
    job.write_text(yaml.safe_dump({"sudo": True, "steps": steps}, sort_keys=False))
    inventory = deputy_sshd.inventory(tmp_path, 1)
    ran = fleetctl("job", "run", "-i", inventory, "-t", "*", "-o", "ndjson", job)
    events = [json.loads(line) for line in ran.stdout.splitlines()]
    ends = [(event["step"], event["status"]) for event in events if event["type"] == "step_finished"]
    assert ends == [
        ("template", "changed"), ("the same", "ok"), ("whose", "changed"),
        ("again", "changed"), ("slow", "failed"),
    ], ran.stderr  # fmt: skip
    (outcome,) = (event["outcome"] for event in events if event["type"] == "host_finished")
    assert (outcome["status"], outcome["killed"]) == ("timeout", True)
    assert said(ran, "slow") == "root\n"
    assert [path.name for path in place.iterdir()] == ["app"]
    found = (place / "app").stat()
    assert ((place / "app").read_text(), (place / "app").owner(), found.st_mode & 0o777) == (
        "for h001",
        "daemon",
        0o640,
    )
