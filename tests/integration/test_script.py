"""`fleetctl script` on a real sshd: a local script runs there, and nothing of it is left, however it ends."""

from __future__ import annotations

import shutil
import signal
import tempfile
from pathlib import Path

import pytest
import yaml

from tests.support import processes
from tests.support.account import Account, local_account
from tests.support.fleetctl import Fleetctl
from tests.support.keys import KeySet
from tests.support.privileges import Sudoers
from tests.support.sshd import Sshd, SshdStarter, serve


def script(here: Path, content: str, name: str = "deploy.sh") -> Path:
    path = here / name
    path.write_text(content)
    return path


def test_a_script_runs_on_all_hosts_with_its_interpreter_its_words_and_its_input(
    fleetctl: Fleetctl, sshd: Sshd, three: Path, here: Path, far: Path
) -> None:
    content = """\
#!/usr/bin/env python3
import os, sys
print(sys.argv[1:], sys.stdin.read(), os.getcwd(), os.environ["GREETING"], sys.stdout.isatty())
sys.exit(os.path.exists("once"))
"""
    path = script(here, content, "report")
    options = ("-i", three, "-e", f"TMPDIR={far}", "-e", "GREETING=hello", "--cwd", far)
    ran = fleetctl("script", *options, "-o", "json", path, "--force", "it's", "a\nb", stdin="input")
    said = f"['--force', \"it's\", 'a\\nb'] input {far} hello False\n"
    assert [(host["status"], host["stdout"]) for host in ran.json["hosts"]] == [("ok", said)] * 3, ran.stderr
    assert ran.json["run"]["operation"] == f"script {path} --force 'it'\"'\"'s' 'a\nb'"
    assert list(far.iterdir()) == []

    on_terminal = fleetctl("script", *options, "-N", "--pty", path, stdin="typed\n")
    assert f"[] typed\n {far} hello True" in on_terminal.stdout.replace("\r", "")
    assert list(far.iterdir()) == []

    (far / "once").touch()
    assert fleetctl("script", *options, path).exit_code == 1
    (far / "once").unlink()
    again = fleetctl("rerun", "-o", "json")
    assert [host["status"] for host in again.json["hosts"]] == ["ok"] * 3, again.stderr
    dry = fleetctl("script", "-i", three, "--dry-run", "-t", "h001", path, "x")
    assert f"would script {path} x as {sshd.user}@127.0.1.1" in dry.stdout


def test_nothing_is_left_however_a_script_ends(
    start_sshd: SshdStarter, fleetctl: Fleetctl, here: Path, far: Path, tmp_path: Path
) -> None:
    server = start_sshd("MaxSessions 1")
    lines = {
        "fails": ("echo hi; exit 7", ("failed", False)),
        "is-killed": ("kill -KILL $$", ("failed", False)),
        "has-its-shell-killed": ("kill -KILL $PPID; sleep 0.1", ("failed", False)),
        "takes-too-long": ("echo hi; sleep 620 | sleep 620", ("timeout", True)),
        "is-stubborn": ("trap '' TERM; sleep 620; sleep 620", ("timeout", True)),
        "leaves-a-daemon": ("setsid sleep 621 >/dev/null 2>&1 </dev/null &", ("ok", False)),
        "removes-itself": ('rm -r "$(dirname "$0")"', ("ok", False)),
    }
    inventory = server.inventory(tmp_path, len(lines))
    content = yaml.safe_load(inventory.read_text())
    content["hosts"] = {
        name: settings | {"env": {"LINE": line, "TMPDIR": str(far)}}
        for (name, (line, _)), settings in zip(lines.items(), content["hosts"].values(), strict=True)
    }
    inventory.write_text(yaml.safe_dump(content))
    ran = fleetctl("script", "-i", inventory, "-o", "json", "--timeout", "2s", script(here, 'eval "$LINE"\n'))
    ends = {host["host"]: (host["status"], host["killed"]) for host in ran.json["hosts"]}
    assert ends == {name: ending for name, (_, ending) in lines.items()}
    (daemon,) = [pid for pid in processes.with_variable(server.marker) if processes.command_line(pid) == "sleep 621"]
    processes.end([daemon])
    server.wait_for_sessions()
    assert list(far.iterdir()) == []


@pytest.mark.parametrize("trap", ["", "trap '' TERM; "])
def test_nothing_is_left_when_a_run_is_called_off(
    start_sshd: SshdStarter, fleetctl: Fleetctl, here: Path, far: Path, tmp_path: Path, trap: str
) -> None:
    server = start_sshd()
    path = script(here, f"{trap}echo begun $0; sleep 622; sleep 622\n")
    inventory = server.inventory(tmp_path, 2)
    with fleetctl.start("script", "-i", inventory, "-e", f"TMPDIR={far}", path) as running:
        running.wait_for_match("(?s)(begun.*){2}")
        running.process.send_signal(signal.SIGINT)
        ran = running.finish()
    assert ran.exit_code == 130
    assert "interrupted; killed" in ran.stderr
    server.wait_for_sessions()
    assert list(far.iterdir()) == []


def test_nothing_is_left_when_the_connection_is_lost(
    start_sshd: SshdStarter, fleetctl: Fleetctl, here: Path, far: Path, tmp_path: Path
) -> None:
    """The script goes on, as a command does; its shell removes it when it has ended."""
    server = start_sshd()
    path = script(here, "echo begun; until [ -e go-on ]; do sleep 0.05; done; echo further; touch ended\n")
    inventory = server.inventory(tmp_path, 1)
    options = ("-i", inventory, "-e", f"TMPDIR={far}", "--cwd", far)
    with fleetctl.start("script", *options, path) as running:
        running.wait_for("begun")
        sessions = [pid for pid in processes.descendants(listener(server)) if "sshd" in processes.command_line(pid)]
        processes.end(sessions)
        ran = running.finish()
    assert ran.exit_code == 3
    assert len(list(far.iterdir())) == 1
    (far / "go-on").touch()
    server.wait_for_sessions()
    assert {path.name for path in far.iterdir()} <= {"go-on", "ended"}


@pytest.mark.parametrize("rules", [(), ("Defaults:{user} requiretty",)])
def test_another_user_runs_it_and_nothing_is_left(
    fleetctl: Fleetctl, sudoers: Sudoers, deputy_sshd: Sshd, here: Path, tmp_path: Path, rules: tuple[str, ...]
) -> None:
    sudoers("{user} ALL=(ALL:ALL) NOPASSWD: ALL", *rules)
    inventory = deputy_sshd.inventory(tmp_path, 2)
    path = script(here, '#!/bin/bash\nid -un; cat; stat -c "%U %a" "$0" "${0%/*}"; echo "$0" >&2; eval "$1"')
    with tempfile.TemporaryDirectory(prefix="far-") as name:
        temporary = Path(name)
        temporary.chmod(0o1777)
        options = ("-i", inventory, "--sudo-user", "daemon", "-e", f"TMPDIR={temporary}", "-o", "json")
        ran = fleetctl("script", *options, path, "exit 3", stdin="input\n")
        ended = fleetctl("script", *options, "--timeout", "1s", path, "trap '' TERM; sleep 623; sleep 623")
        assert list(temporary.iterdir()) == []
    for host in ran.json["hosts"]:
        assert host["stdout"].startswith("daemon\ninput\ndaemon 600\ndaemon 700\n"), host
        assert (host["exit_code"], host["error"]) == (3, None)
    assert [(host["status"], host["killed"]) for host in ended.json["hosts"]] == [("timeout", True)] * 2


def test_it_runs_from_a_login_shell_that_is_no_sh(
    fleetctl: Fleetctl, deputy: Account, client_keys: KeySet, host_keys: KeySet, here: Path, tmp_path: Path
) -> None:
    with (
        local_account("csh", shell=shutil.which("tcsh") or "/bin/sh") as made,
        serve(made, client_keys, host_keys) as server,
    ):
        inventory = server.inventory(tmp_path, 1, env={"TMPDIR": made.home})
        ran = fleetctl("script", "-i", inventory, "-N", script(here, 'echo "$@"; cat; exit 4'), "it's!", stdin="x\\n!")
        assert (ran.stdout, ran.exit_code) == ("it's!\nx\\n!", 1), ran.stderr
        assert not list(Path(made.home).glob("fleetctl-*"))


def listener(server: Sshd) -> int:
    """The process that accepts connections."""
    return next(
        pid for pid in processes.owned_by(0) if f"-f {server.directory}/sshd_config" in processes.command_line(pid)
    )
