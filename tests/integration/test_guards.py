"""What holds a run back before anyone is contacted: questions at a terminal, and locks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.fleetctl import Fleetctl
from tests.support.small_disk import small_disk
from tests.support.sshd import Sshd


@pytest.fixture
def three(sshd: Sshd, tmp_path: Path) -> Path:
    return sshd.inventory(tmp_path, 3)


def test_a_perilous_command_is_asked_about_at_a_terminal_alone(
    fleetctl: Fleetctl, three: Path, far: Path, tmp_path: Path
) -> None:
    victim = far / "victim"
    victim.mkdir()
    question = f"Run rm -r {victim} (rm) on 1 host: h002? [y/N]: "
    words = ("-t", "h002", "-N", f"rm -r {victim}")

    with fleetctl.on_terminal("run", "-i", three, *words) as running:
        running.wait_for(question)
        running.type("\n")
        ran = running.finish()
    assert (ran.exit_code, victim.exists()) == (2, True)
    assert "nothing was done: nobody agreed" in ran.stdout

    with fleetctl.on_terminal("run", "-i", three, *words) as running:
        running.wait_for(question)
        running.type("y\n")
        assert running.finish().exit_code == 0
    assert not victim.exists()

    victim.mkdir()  # with -y, and where nobody is there, as under cron, nothing is asked
    assert fleetctl("run", "-i", three, *words).exit_code == 0
    victim.mkdir()
    with fleetctl.on_terminal("run", "-y", "-i", three, *words) as running:
        ran = running.finish()
    assert (ran.exit_code, victim.exists(), "[y/N]" in ran.stdout) == (0, False, False)


def test_confirm_asks_about_everything_and_so_does_a_large_number_of_hosts(
    fleetctl: Fleetctl, three: Path, here: Path
) -> None:
    ran = fleetctl("run", "--confirm", "-i", three, "true")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "nothing was done: nobody agreed" in ran.stderr
    assert "-y" in ran.stderr
    assert fleetctl("run", "--confirm", "-y", "-i", three, "true").exit_code == 0

    (here / "config.yaml").write_text("confirm: {above: 2, commands: ['^drain ']}\n")
    settings = {"FLEETCTL_CONFIG": str(here / "config.yaml")}
    with fleetctl.on_terminal("put", "-i", three, here / "config.yaml", "/dev/null", env=settings) as running:
        running.wait_for_match(r"Put .*config.yaml.* \(more than 2 hosts\) on 3 hosts: h\[001-003\]\? \[y/N\]: ")
        running.type("\x03")
        assert running.finish().exit_code == 130
    with fleetctl.on_terminal("run", "-i", three, "-t", "h001", "drain it", env=settings) as running:
        running.wait_for("(^drain ) on 1 host: h001? [y/N]: ")
        running.type("no\n")
        assert running.finish().exit_code == 2
    with fleetctl.on_terminal("run", "--dry-run", "-s", "-i", three, "reboot", env=settings) as running:
        ran = running.finish()  # asks nothing
    assert ran.exit_code == 0
    assert "would run reboot as" in ran.stdout
    assert "as root by sudo" in ran.stdout


def test_a_lock_is_for_one_run_at_a_time(fleetctl: Fleetctl, three: Path, here: Path) -> None:
    (here / "config.yaml").write_text("locks: {directory: locks}\n")
    settings = {"FLEETCTL_CONFIG": str(here / "config.yaml")}
    locked = ("--lock", "deploy", "-i", three, "-t", "h001")
    with fleetctl.start("run", *locked, "-o", "ndjson", "echo begun; exec sleep 64", env=settings) as first:
        first.wait_for("begun")
        second = fleetctl("run", *locked, "true", env=settings)
        assert (second.exit_code, second.stdout) == (2, "")
        assert "the lock 'deploy' is held by " in second.stderr
        assert f"(process {first.process.pid}) since 2" in second.stderr
        assert "run echo begun; exec sleep 64 on 1 host" in second.stderr
        waited = fleetctl("get", "--lock-wait", "300ms", *locked, "/etc/hostname", here, env=settings)
        assert waited.exit_code == 2
        assert "waiting: the lock" in waited.stderr
        assert "waited 0.3 s" in waited.stderr
        assert fleetctl("run", "--lock", "other", "-i", three, "true", env=settings).exit_code == 0

        with fleetctl.start("run", "--lock-wait", "1m", *locked, "echo mine", env=settings) as third:
            third.wait_for("waiting: the lock")
            with fleetctl.on_terminal("run", "--lock-wait", "1m", *locked, "true", env=settings) as fourth:
                fourth.wait_for("waiting: the lock")
                fourth.type("\x03")  # nothing has begun that one could be told of
                assert fourth.finish().exit_code == 130
            first.process.kill()  # the locks of the dead are free
            ran = third.finish()
    assert (ran.exit_code, ran.stdout) == (0, "h001: mine\n")
    assert sorted(path.name for path in (here / "locks").iterdir()) == ["deploy.lock", "other.lock"]
    assert (here / "locks" / "deploy.lock").read_bytes() == b""


def test_what_goes_wrong_with_a_lock_is_told(fleetctl: Fleetctl, three: Path) -> None:
    ran = fleetctl("run", "--lock", "a/b", "-i", three, "true")
    assert ran.exit_code == 2
    assert "'a/b' cannot name a lock" in ran.stderr
    assert fleetctl("run", "--lock-wait", "3s", "-i", three, "true").exit_code == 2
    unnamed = fleetctl("run", "--lock", "", "-i", three, "true")  # of a variable that is not set
    assert (unnamed.exit_code, "it is empty" in unnamed.stderr) == (2, True)


def test_audit_tells_who_did_what_from_its_beginning_to_its_end(fleetctl: Fleetctl, three: Path, here: Path) -> None:
    log = here / "audit.jsonl"
    (here / "config.yaml").write_text("audit: {file: audit.jsonl}\n")
    settings = {"FLEETCTL_CONFIG": str(here / "config.yaml")}
    words = ("-i", str(three), "-x", "h002", "-e", "TOKEN=hush-hush", "exit 3")
    assert fleetctl("run", *words, env=settings).exit_code == 1
    with fleetctl.start("run", "-i", three, "echo begun; exec sleep 65", env=settings) as killed:
        killed.wait_for("begun")
        killed.process.kill()
    assert log.stat().st_mode & 0o777 == 0o600
    began, ended, lost = map(json.loads, log.read_text().splitlines())
    assert (began["event"], ended["event"], lost["event"]) == ("began", "ended", "began")
    assert began["run"] == ended["run"] != lost["run"]
    assert (began["command"], began["operation"], began["names"], began["hosts"]) == (
        "run",
        "run exit 3",
        "h[001,003]",
        2,
    )
    assert began["argv"][:4] == ["run", *words[:3]]
    assert "hush-hush" not in log.read_text()
    assert began["user"]
    assert began["machine"]
    assert began["time"].endswith("Z")
    assert (ended["counts"], ended["exit_code"], ended["why"]) == ({"failed": 2}, 1, "")

    log.unlink()
    assert fleetctl("ssh", "-i", three, "h001", "exit 7", env=settings).exit_code == 7
    assert fleetctl("ssh", "-i", three, "h001", "true", env=settings).exit_code == 0
    assert fleetctl("doctor", "-i", three, "h002", env=settings).exit_code == 0
    assert fleetctl("trust", "-i", three, "h[002-003]", env=settings).exit_code == 0
    assert fleetctl("ssh", "--no-history", "127.0.0.1:1", "true", env=settings).exit_code == 3
    lines = list(map(json.loads, log.read_text().splitlines()))
    assert [line["operation"] for line in lines[::2]] == ["ssh exit 7", "ssh true", "doctor", "trust", "ssh true"]
    assert [line["counts"] for line in lines[1::2]] == [
        {"failed": 1}, {"ok": 1}, {"ok": 1}, {"ok": 2}, {"unreachable": 1},
    ]  # fmt: skip
    assert [line["exit_code"] for line in lines[1::2]] == [7, 0, 0, 0, 3]
    kept = [run["command"] for run in fleetctl("history", "-o", "json").json]
    assert kept == ["trust", "doctor", "ssh", "ssh", "run", "run"]
    # None of these is what rerun and @status: mean by the last run.
    assert "again: run echo begun; exec sleep 65 on h[001-003]" in fleetctl("rerun", "--dry-run").stderr

    log.unlink()
    log.mkdir()
    ran = fleetctl("run", "-i", three, "true", env=settings)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "audit: cannot write" in ran.stderr
    assert "nothing was done" in ran.stderr


def test_the_names_of_hosts_that_are_not_ok_can_be_kept_and_used(fleetctl: Fleetctl, three: Path, here: Path) -> None:
    left = here / "left [1]"
    ran = fleetctl("run", "-i", three, "--failed-to", left, "test $SSH_CONNECTION && false; exit $((RANDOM*0+1))")
    assert ran.exit_code == 1
    assert left.read_text() == "h001\nh002\nh003\n"
    ran = fleetctl("run", "-i", three, "-t", f"h[001-002]&^{left}", "--failed-to", left, "true")
    assert (ran.exit_code, left.read_text()) == (0, "")
    assert [path.name for path in here.iterdir()] == ["left [1]"]
    ran = fleetctl("run", "-i", three, "-t", "^-", "cat; echo here", stdin="h003 # the last\n")
    assert ran.stdout == "h003: here\n"
    ran = fleetctl("run", "-i", three, "-x", "^-", "cat; echo here", stdin="h00[1-2]\n")
    assert ran.stdout == "h003: here\n"
    ran = fleetctl("run", "-i", three, "--failed-to", here / "no" / "file", "true")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "there is no such directory" in ran.stderr
    with small_disk(here / "small", 1) as disk:
        (disk / "filler").write_bytes(b"x" * 2**20)
        ran = fleetctl("run", "-i", three, "--failed-to", disk / "left", "exit 1")
        assert ran.exit_code == 1
        assert f"{disk / 'left'} cannot be written: No space left" in ran.stderr
        assert [path.name for path in disk.iterdir()] == ["filler"]
