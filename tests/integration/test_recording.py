"""What is kept of the runs that a user types: who, from where, with what words, how each host ended, what it said."""

from __future__ import annotations

import getpass
import socket
import stat
from pathlib import Path

import pytest

from fleetctl.events import HostFinished, Output, RunStarted, Status, Transferred
from fleetctl.history.history import History
from tests.support.fleetctl import Fleetctl
from tests.support.sshd import Sshd


@pytest.fixture
def four(sshd: Sshd, tmp_path: Path) -> Path:
    return sshd.inventory(tmp_path, 4)


@pytest.fixture
def database(fleetctl: Fleetctl) -> Path:
    return fleetctl.home / ".local/state/fleetctl/history.db"


def test_every_run_is_kept_with_its_origin_and_what_hosts_said(
    fleetctl: Fleetctl, four: Path, database: Path, far: Path, tmp_path: Path
) -> None:
    env = {"SSH_CONNECTION": "192.0.2.7 5022 192.0.2.1 22", "SUDO_USER": "ada"}
    words = ("run", "-i", four, "-t", "h[001-003]", "-x", "h003", "--connect-timeout", "5", "--fanout", "3")
    command = "echo out; echo no user ada:geheim1 >&2; exit 3 # curl -u ada:geheim1"
    assert fleetctl(*words, command, env=env).exit_code == 1
    (tmp_path / "motd").write_text("hi\n")
    assert fleetctl("put", "-i", four, "-t", "h001", "-y", tmp_path / "motd", f"{far}/there").exit_code == 0
    assert fleetctl("ping", "-i", four, "h004", env={"USER": ""}).exit_code == 0
    for unkept in (("run", "--no-history", "df"), ("run", "--dry-run", "df"), ("put", "--dry-run", "motd", "x")):
        fleetctl(unkept[0], "-i", four, *unkept[1:], cwd=tmp_path)
    assert stat.S_IMODE(database.parent.stat().st_mode) == 0o700
    for file in database.parent.rglob("*"):
        assert stat.S_IMODE(file.stat().st_mode) == (0o700 if file.is_dir() else 0o600)
    with History(database) as history:
        ping, put, run = history.runs()
        told = list(history.events(run.id))
        moved = [event for event in history.events(put.id) if isinstance(event, Transferred)]
        outcomes = history.outcomes(run.id)
    assert [one.origin.command for one in (ping, put, run)] == ["ping", "put", "run"]
    origin = run.origin
    assert origin.argv == (*map(str, words), command.replace("geheim1", "***"))
    assert run.operation == "run " + command.replace("geheim1", "***")
    assert (origin.masked, put.origin.masked, origin.directory) == (True, False, str(fleetctl.home))
    assert origin.user == f"{getpass.getuser()} (sudo by ada)"
    assert origin.machine == f"{socket.gethostname()} from 192.0.2.7"
    assert origin.targets == ("h[001-003]", "!h003")
    assert origin.policy == {"fanout": 3, "connect_timeout": 5.0}
    assert origin.inventory == put.origin.inventory != ""
    assert (run.hosts, run.counts, run.alive) == (2, {Status.FAILED: 2}, False)
    assert isinstance(told[0], RunStarted)
    assert told[0].hosts == ("h001", "h002")
    for host in told[0].hosts:
        said = {(event.stream, event.data) for event in told if isinstance(event, Output) and event.host == host}
        assert said == {("stdout", b"out\n"), ("stderr", b"no user ada:***\n")}
    ended = {event.host: event.outcome for event in told if isinstance(event, HostFinished)}
    assert ended == outcomes
    assert all(outcome.exit_code == 3 and "connect" in outcome.timings for outcome in ended.values())
    assert [(event.host, event.action) for event in moved] == [("h001", "sent")]
