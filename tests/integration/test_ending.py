"""What a command has begun on a host is ended with it: in time-outs, when it is silent, and when the run is called off.

The command line of each `sleep` is its test's own, so that what is left can be told in the list of processes.
"""

from __future__ import annotations

import os
import pwd
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.support import processes
from tests.support.fleetctl import Fleetctl, Ran
from tests.support.privileges import Run, Sudoers
from tests.support.sshd import Sshd, SshdStarter

STUBBORN = "(trap '' TERM; sleep 600; sleep 600)"


def ends(ran: Ran) -> dict[str, tuple[str, bool, bool]]:
    return {host["host"]: (host["status"], host["killed"], host["remote_ended"]) for host in ran.json["hosts"]}


KILLED, UNKNOWN = ("timeout", True, True), ("timeout", False, False)


@pytest.fixture
def run_each(fleetctl: Fleetctl, tmp_path: Path) -> Callable[..., Ran]:
    """`run_each(server, {"name": line}, *options)`: each host of one run executes a line of its own."""

    def run_each(server: Sshd, lines: dict[str, str], *options: str | Path) -> Ran:
        path = server.inventory(tmp_path, len(lines))
        content = yaml.safe_load(path.read_text())
        settings = content["hosts"].values()
        content["hosts"] = {
            name: setting | {"env": {"LINE": line}}
            for (name, line), setting in zip(lines.items(), settings, strict=True)
        }
        path.write_text(yaml.safe_dump(content))
        return fleetctl("run", "-i", path, "-o", "json", *options, 'eval "$LINE"')

    return run_each


def test_the_whole_group_is_ended_when_the_time_is_over(start_sshd: SshdStarter, run_each: Callable[..., Ran]) -> None:
    server = start_sshd("MaxSessions 1")
    lines = {
        "children": "echo begun; sleep 600 | sleep 600",
        "stubborn": "trap '' TERM; echo begun; sleep 600; sleep 600",
        "orphans": f"{STUBBORN} & echo begun; sleep 600",
        "redirected": "echo begun; sh -c 'trap \"\" TERM; sleep 600 >/dev/null 2>&1; sleep 600'",
        "background": "sleep 600 >/dev/null 2>&1 & echo begun; sleep 600",
    }
    ran = run_each(server, lines, "--timeout", "1s")
    assert ends(ran) == dict.fromkeys(lines, KILLED)
    assert [host["stdout"] for host in ran.json["hosts"]] == ["begun\n"] * 5
    assert server.running() == []
    assert ran.stderr.splitlines()[1].split(maxsplit=2)[2] == "not done within 1 s; killed"
    assert ran.exit_code == 3


def test_what_outlives_it_is_never_called_killed(start_sshd: SshdStarter, run_each: Callable[..., Ran]) -> None:
    server = start_sshd()
    lines = {
        "let go of the output": f"{STUBBORN} >/dev/null 2>&1 & sleep 600",
        "a daemon": "setsid sleep 600 >/dev/null 2>&1 & sleep 600",
        "without its environment": "(trap '' TERM; exec env -i sleep 604) >/dev/null 2>&1 & sleep 600",
    }
    ran = run_each(server, {name.replace(" ", "-"): line for name, line in lines.items()}, "--timeout", "1s")
    assert set(ends(ran).values()) == {UNKNOWN}
    assert "what was begun there may still run: a-daemon,let-go-of-the-output,without-its-environment" in ran.stderr
    assert "not done within 1 s; may still run there" in ran.stderr
    processes.end(pid for pid in processes.owned_by(pwd.getpwnam(server.user).pw_uid) if sleeps(pid, 604))


def sleeps(pid: int, seconds: int) -> bool:
    return processes.command_line(pid) == f"sleep {seconds}"


def test_silence_and_terminals(sshd: Sshd, run_each: Callable[..., Ran]) -> None:
    ran = run_each(sshd, {"silent": "echo a; sleep 601; echo b", "done": "echo a"}, "--idle-timeout", "1s", "--pty")
    assert ends(ran) == {"silent": KILLED, "done": ("ok", False, True)}
    error = next(host["error"] for host in ran.json["hosts"] if host["host"] == "silent")
    assert (error["message"], error["hint"]) == ("no output for 1 s", "--idle-timeout gives it longer")
    assert "sleep 601" not in sshd.running()


def test_a_forced_command_is_not_begun_again(
    start_sshd: SshdStarter, fleetctl: Fleetctl, far: Path, tmp_path: Path
) -> None:
    server = start_sshd(f"ForceCommand echo begun >>{far}/begun; sleep 600")
    inventory = server.inventory(tmp_path, 1)
    assert ends(fleetctl("run", "-i", inventory, "-o", "json", "--timeout", "1s", "df")) == {"h001": UNKNOWN}
    assert (far / "begun").read_text() == "begun\n"


@contextmanager
def frozen(pids: list[int]) -> Iterator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        processes.end(pids)


def test_a_run_that_is_called_off_ends_what_it_began_and_waits_for_no_frozen_server(
    start_sshd: SshdStarter, fleetctl: Fleetctl, tmp_path: Path
) -> None:
    server, ill = start_sshd(), start_sshd()
    inventory = server.inventory(tmp_path, 5)
    content = yaml.safe_load(inventory.read_text())
    content["hosts"]["h005"] |= {"port": ill.port}
    content["defaults"]["host_key_policy"] = "off"
    inventory.write_text(yaml.safe_dump(content))
    line = "trap '' TERM; echo begun on $SSH_CONNECTION; sleep 602; sleep 602"
    with fleetctl.start("run", "-i", inventory, line) as running:
        running.wait_for_match("(?s)(begun on.*){5}")
        with frozen(processes.descendants(listener(ill))):
            running.process.send_signal(signal.SIGINT)
            ran = running.finish()
    assert ran.exit_code == 130
    assert "cancelled    h[001-004]  interrupted; killed" in ran.stderr
    assert "cancelled    h005  interrupted; may still run there" in ran.stderr
    assert server.running() == []


def listener(server: Sshd) -> int:
    """The process that accepts connections."""
    (pid,) = [pid for pid in processes.owned_by(os.geteuid()) if str(server.directory) in processes.command_line(pid)]
    return pid


@pytest.mark.parametrize("more", [(), ("--pty",)])
def test_what_runs_as_root_is_ended_as_root(
    run: Run, sudoers: Sudoers, deputy_sshd: Sshd, more: tuple[str, ...]
) -> None:
    sudoers("{user} ALL=(ALL:ALL) ALL")
    seconds = 605 + len(more)  # the two run side by side
    line = f"trap '' TERM; echo $$; sleep {seconds} >/dev/null 2>&1 & sleep {seconds}; sleep {seconds}"
    ran = run("-s", "-o", "json", "--timeout", "1s", *more, line)
    assert ends(ran) == {"h001": KILLED}
    assert not processes.command_line(int(ran.json["hosts"][0]["stdout"].split()[0]))  # sudo may add a word of its own
    assert not any(sleeps(pid, seconds) for pid in processes.owned_by(0))


@pytest.mark.parametrize(
    ("daemon", "seconds"), [("(setsid sleep 610 &)", 610), ("setsid env -i sleep 611 & true", 611)]
)
def test_what_root_has_let_go_of_stays_and_is_not_called_killed(
    run: Run, sudoers: Sudoers, deputy_sshd: Sshd, daemon: str, seconds: int
) -> None:
    sudoers("{user} ALL=(ALL:ALL) ALL")
    ran = run("-s", "-o", "json", "--timeout", "1s", f"exec >/dev/null 2>&1; {daemon}; sleep 1{seconds}")
    left = [pid for pid in processes.owned_by(0) if sleeps(pid, seconds)]
    processes.end(left)
    assert (ends(ran), len(left)) == ({"h001": UNKNOWN}, 1)
    assert not any(sleeps(pid, 1000 + seconds) for pid in processes.owned_by(0))
