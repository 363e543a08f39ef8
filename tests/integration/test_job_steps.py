"""What the steps of a job do on real servers, by the installed command."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.broken import free_port
from tests.support.fleetctl import Fleetctl, Ran
from tests.support.machines import Machine
from tests.support.privileges import Sudoers
from tests.support.processes import command_line
from tests.support.sshd import Sshd, SshdStarter


def job(directory: Path, text: str) -> Path:
    path = directory / "job.yaml"
    path.write_text(text)
    return path


def steps(ran: Ran, host: str = "h001") -> dict[str, dict[str, Any]]:
    """How each step ended on a host, by its name, in their order."""
    return {event["step"]: event for event in ran.events if event["type"] == "step_finished" and event["host"] == host}


def statuses(ran: Ran, host: str = "h001") -> dict[str, str]:
    return {step: event["status"] for step, event in steps(ran, host).items()}


def said(ran: Ran, host: str = "h001") -> list[str]:
    return [
        line
        for event in ran.events
        if event["type"] == "output" and event["host"] == host
        for line in event["data"].splitlines()
    ]


def outcome(ran: Ran, host: str = "h001") -> dict[str, Any]:
    (found,) = (e["outcome"] for e in ran.events if e["type"] == "host_finished" and e["host"] == host)
    return dict(found)


def logins(sshd: Sshd) -> int:
    return sshd.log.count("Accepted publickey")


def test_steps_have_their_surroundings_and_what_takes_too_long_is_ended_before_it_is_cleaned_up(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, far: Path
) -> None:
    inventory = sshd.inventory(tmp_path, 2, env={"FROM_HOST": "h"})
    path = job(
        tmp_path,
        f"""
        env: {{GREETING: "hello {{{{ host.name }}}}"}}
        cwd: {far}
        steps:
        - {{name: where, run: "pwd; echo $GREETING $FROM_HOST $MINE", env: {{MINE: m}}, register: here}}
        - {{name: made, run: touch made, creates: made}}
        - {{name: made again, run: touch never, creates: made}}
        - {{name: guarded, run: touch never, unless: test -e made && test -n "$GREETING"}}
        - {{name: elsewhere, run: pwd, cwd: /}}
        - {{name: at home, run: touch never, cwd: "~", creates: "~/."}}
        - {{name: home is there, wait_for: {{file: "~/."}}}}
        - {{name: too long, run: "true {{{{ 'x' * 300000 }}}}", ignore_errors: true}}
        - {{name: hangs, run: "echo $$ > hangs-$$; trap '' TERM; sleep 7391 & wait; sleep 7391", timeout: 1s}}
        - {{name: never, run: touch never}}
        - {{name: tidy, run: "rm made; echo after {{{{ steps.here.stdout | length > 0 }}}}", always: true}}
        """,
    )
    before = logins(sshd)
    ran = fleetctl("job", "run", "-i", inventory, "-t", "h001", path, "-o", "ndjson")
    assert ran.exit_code == 3
    assert said(ran) == [str(far), "hello h001 h m", "/", "after true"]
    assert statuses(ran) == {
        "where": "changed", "made": "changed", "made again": "skipped", "guarded": "skipped", "elsewhere": "changed",
        "at home": "skipped", "home is there": "ok", "too long": "ignored", "hangs": "failed", "tidy": "changed",
    }  # fmt: skip
    assert steps(ran)["made again"]["why"] == "creates: made is there"
    assert steps(ran)["guarded"]["why"].startswith("unless: test -e made")
    ended = outcome(ran)
    assert (ended["status"], ended["step"], ended["killed"], ended.get("remote_ended", True)) == (
        "timeout", "hangs", True, True,
    )  # fmt: skip
    assert ended["error"]["message"] == "not done within 1 s"
    assert ended["error"]["hint"] == "`timeout` of the step gives it longer"
    assert logins(sshd) - before == 1
    assert not any("7391" in line for line in sshd.running())
    assert not (far / "never").exists()


def test_local_commands_run_beside_the_job_file_without_secrets_and_before_any_connection(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path
) -> None:
    inventory = sshd.inventory(tmp_path, 2, password={"env": "DB_PASSWORD"})
    (tmp_path / "sub").mkdir()
    path = job(
        tmp_path,
        """
        cwd: /no/directory/here
        steps:
        - {name: build, local: 'pwd; echo "$KEPT,$DB_PASSWORD,$MINE"', env: {MINE: m}, once: true, register: built}
        - {name: fed, local: {line: 'cat; pwd; echo bad >&2', stdin: "for {{ host.name }}\\n"}, cwd: sub}
        - {name: late, local: "echo $$ > pid-{{ host.name }}; sleep 7392; :", timeout: 500ms, ignore_errors: true}
        - {name: stop, local: "exit 9", when: steps.built.exit == 0}
        - {name: never, run: "true"}
        """,
    )
    before = logins(sshd)
    env = {"DB_PASSWORD": "tell-nobody", "KEPT": "kept"}
    ran = fleetctl("job", "run", "-i", inventory, "-t", "*", path, "-o", "ndjson", env=env)
    assert ran.exit_code == 1
    assert logins(sshd) == before
    (leader,) = {one["once"] for host in ("h001", "h002") for one in [steps(ran, host)["build"]]}
    assert said(ran, leader)[:2] == [str(tmp_path), "kept,,m"]
    for host in ("h001", "h002"):
        assert said(ran, host)[-3:] in (
            [f"for {host}", str(tmp_path / "sub"), "bad"],
            ["bad", f"for {host}", str(tmp_path / "sub")],
        )
        assert statuses(ran, host) == {"build": "changed", "fed": "changed", "late": "ignored", "stop": "failed"}
        assert (outcome(ran, host)["exit_code"], outcome(ran, host)["step"]) == (9, "stop")
        assert command_line(int((tmp_path / f"pid-{host}").read_text())) == ""


@contextmanager
def web(*codes: int) -> Iterator[int]:
    """Answers with these codes, and then with the last of them. Gives: the port."""
    left = list(codes)

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(left.pop(0) if len(left) > 1 else left[0])
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing is told."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join(10)


@pytest.mark.parametrize("forwarding", ["yes", "no"])
def test_a_step_waits_until_something_is_there_on_the_host_or_gone(
    fleetctl: Fleetctl, start_sshd: SshdStarter, tmp_path: Path, far: Path, forwarding: str
) -> None:
    sshd = start_sshd(f"AllowTcpForwarding {forwarding}")
    inventory = sshd.inventory(tmp_path, 1)
    nothing = free_port()
    count = "n=$(($(cat n 2>/dev/null) + 1)); echo $n > n; echo look $n; test $n = 3"
    with web(503, 404, 204) as port:
        path = job(
            tmp_path,
            f"""
            cwd: {far}
            steps:
            - {{name: port, wait_for: {{port: "{{{{ {port} + 0 }}}}", every: 10ms}}}}
            - {{name: no port, wait_for: {{port: {nothing}, gone: true}}}}
            - {{name: url, wait_for: {{url: "http://127.0.0.1:{port}/", every: 10ms}}}}
            - {{name: command, wait_for: {{command: '{count}', every: 10ms}}, register: asked}}
            - {{name: file, wait_for: {{file: n}}}}
            - {{name: count, run: "echo {{{{ steps.asked.stdout | quote }}}}"}}
            - {{name: in vain, wait_for: {{port: {nothing}, within: 300ms, every: 100ms}}, ignore_errors: true}}
            - {{name: no url, wait_for: {{url: "http://127.0.0.1:{nothing}/", within: 10ms}}, ignore_errors: true}}
            - {{name: stays, wait_for: {{command: "echo not yet >&2; sleep 7393", within: 10ms}}}}
            """,
        )
        ran = fleetctl("job", "run", "-i", inventory, "-t", "*", path, "-o", "ndjson")
    assert ran.exit_code == 1
    assert statuses(ran) == {
        "port": "ok", "no port": "ok", "url": "ok", "command": "ok", "file": "ok", "count": "changed",
        "in vain": "ignored", "no url": "ignored", "stays": "failed",
    }  # fmt: skip
    assert "look 3" in said(ran)
    assert "look 2" not in said(ran)
    ended = steps(ran)
    assert ended["port"]["why"].startswith(f"port {port} of 127.0.0.1: there ")
    assert ended["no port"]["why"].startswith(f"port {nothing} of 127.0.0.1: gone ")
    assert ended["in vain"]["error"]["message"] == f"not there after 300ms: port {nothing} of 127.0.0.1"
    assert "refuse" in ended["no url"]["error"]["message"] or "connect" in ended["no url"]["error"]["message"]
    assert outcome(ran)["error"]["message"].endswith(": not yet")
    assert logins(sshd) == 1
    assert not any("7393" in line for line in sshd.running())


def test_a_restarted_host_is_waited_for_until_it_has_booted_anew(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, far: Path
) -> None:
    with Machine(sshd, far) as machine:
        inventory = machine.inventory(tmp_path)
        path = job(
            tmp_path,
            """
            steps:
            - {name: before, run: echo up}
            - {name: restart, reboot: {within: 60s}, register: restarted}
            - {name: own, reboot: {command: "echo going; restart-machine"}}
            - {name: after, run: "echo {{ steps.restarted.changed }} up again"}
            - {name: refused, reboot: {command: "echo you may not >&2; exit 4"}}
            """,
        )
        ran = fleetctl("job", "run", "-i", inventory, "-t", "*", path, "-o", "ndjson")
    assert ran.exit_code == 1
    assert machine.restarts == 2
    assert statuses(ran) == {
        "before": "changed", "restart": "ok", "own": "ok", "after": "changed", "refused": "failed",
    }  # fmt: skip
    assert said(ran) == ["up", "going", "false up again", "you may not"]
    assert steps(ran)["restart"]["why"].startswith("back after ")
    ended = outcome(ran)
    assert ended["error"]["message"] == "the restart failed with exit code 4: you may not"
    assert ended.get("remote_ended", True)


def test_each_step_has_the_rights_that_it_asks_for(
    fleetctl: Fleetctl, deputy_sshd: Sshd, sudoers: Sudoers, tmp_path: Path
) -> None:
    sudoers("{user} ALL=(ALL) NOPASSWD: ALL")
    inventory = deputy_sshd.inventory(tmp_path, 1)
    path = job(
        tmp_path,
        """
        sudo: true
        steps:
        - {name: root, run: id -un, creates: "/proc/no/such"}
        - {name: other, run: id -un, sudo: nobody}
        - {name: login, run: id -un, sudo: false}
        - {name: hidden, wait_for: {file: /root/.}}
        - {name: late, run: "sleep 7394", timeout: 500ms, ignore_errors: true}
        - {name: here, local: id -un}
        - {name: again, run: id -un}
        """,
    )
    before = logins(deputy_sshd)
    ran = fleetctl("job", "run", "-i", inventory, "-t", "*", path, "-o", "ndjson")
    assert ran.exit_code == 0, ran.stdout
    assert said(ran) == ["root", "nobody", deputy_sshd.user, "root", "root"]
    assert logins(deputy_sshd) - before == 1
    assert not any("7394" in line for line in deputy_sshd.running())


def test_a_person_is_asked_before_each_step_after_the_last_one_is_shown(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path
) -> None:
    inventory = sshd.inventory(tmp_path, 2)
    path = job(
        tmp_path,
        """
        steps:
        - {name: one, run: echo done one}
        - {name: look, pause: {ask: Is it well?}}
        - {name: two, run: echo done two}
        """,
    )
    words = ("job", "run", "-i", inventory, "-t", "*", path)
    before = logins(sshd)
    nobody = fleetctl(*words)
    assert (nobody.exit_code, logins(sshd)) == (2, before)
    with fleetctl.on_terminal(*words, "--step") as running:
        running.wait_for("next: one. Go on? [y/N]: ")
        running.type("y\n")
        running.wait_for("next: look. Go on? [y/N]: ")
        assert running.stdout.index("done one") < running.stdout.index("next: look")
        running.type("y\n")
        running.wait_for("Is it well? [y/N]: ")
        running.type("n\n")
        ran = running.finish()
    assert ran.exit_code == 4
    assert "nobody agreed to go on at look" in ran.stdout
    assert "done two" not in ran.stdout
    with fleetctl.on_terminal(*words) as running:
        running.wait_for("Is it well? [y/N]: ")
        running.type("\x03")
        assert running.finish().exit_code == 130
