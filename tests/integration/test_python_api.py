"""fleetctl as a library: what scripts do with a Fleet, on real servers."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import fleetctl
from fleetctl import Choices, Command, Fleet, Overrides, Policy, Rollout, Run, Secret
from fleetctl.errors import JobError, TargetError, UsageError
from fleetctl.events import HostFinished, HostStarted, Output, RunFinished, RunStarted, Status, StepStatus
from tests.support.fleetctl import Fleetctl
from tests.support.sshd import Sshd, SshdStarter

LONG = "echo begun; exec sleep 64"


def _load(inventory: Path) -> Fleet:
    return Fleet.load(inventory, ssh_config=Path("none"))


def _logins(server: Sshd) -> int:
    return server.log.count("Accepted publickey")


JOB = """
targets: ["h[001-002]"]
vars: {count: 1}
policy: {batch: "1", max_failures: 0}
steps:
  - name: say
    run: echo {{ vars.count }} {{ vars.what | quote }}; exit {{ 3 if host.name == vars.bad else 0 }}
    register: said
  - name: again
    run: echo {{ steps.said.stdout | quote }}
    tags: [twice]
"""


def test_one_login_serves_all_calls_on_a_host(start_sshd: SshdStarter, far: Path, here: Path, tmp_path: Path) -> None:
    server = start_sshd()
    (here / "motd").write_text("hello\n")
    (tmp_path / "job.yaml").write_text(JOB)
    with _load(server.inventory(tmp_path, 3)) as fleet:
        ran = fleet.run("hostname; echo no >&2; test $0 = x", "h[001-002]").result()
        assert (ran.ok, ran.exit_code, list(ran.failed), ran.stopped) == (False, 1, list(ran.hosts), "")
        one = ran["h001"]
        assert (one.status, one.exit_code, one.ok, one.stderr, one.truncated) == (
            Status.FAILED,
            1,
            False,
            "no\n",
            False,
        )
        assert ran.run in repr(ran)
        assert (one.why, one.error) == ("exit 1", None)
        nothing = fleet.run("true", []).result()  # which is not all hosts
        assert (nothing.ok, nothing.hosts) == (True, {})

        sent = fleet.put(here, f"{far}/", ["h001", "h002"], mode=0o640, choices=Choices(checksum=True)).result()
        assert sent.ok
        assert (far / "here/motd").read_text() == "hello\n"
        assert (far / "here/motd").stat().st_mode & 0o777 == 0o640
        hosts = fleet.hosts("h002")
        got = fleet.get(f"{far}/here/motd", here / "got", hosts, layout="{host}-{name}").result()
        assert got.ok
        assert (here / "got/h002-motd").read_text() == "hello\n"

        played = fleet.job(tmp_path / "job.yaml", vars={"what": "a; b", "bad": "h001"}).result()
        assert list(played.hosts) == ["h001", "h002"]
        assert (played["h001"].exit_code, played["h001"].stdout) == (3, "1 a; b\n")
        assert {name: step.status for name, step in played["h001"].steps.items()} == {"say": StepStatus.FAILED}
        assert played["h002"].status is Status.SKIPPED
        assert "failed" in played.stopped
        played = fleet.job(str(tmp_path / "job.yaml"), "h003", vars={"what": "x", "bad": "", "count": 7}).result()
        assert (played.ok, played["h003"].stdout) == (True, "7 x\n7 x\n")
        assert _logins(server) == 3  # h001, h002 and h003, whatever was done there

        fed = fleet.run("cat", "h001", stdin=b"for all\n").result()
        assert fed["h001"].stdout == "for all\n"
        asked = fleet.run(Command("pwd", cwd=str(far)), rollout=Rollout.of(batch="1", max_failures="2")).result()
        assert {host.stdout for host in asked.hosts.values()} == {f"{far}\n"}
        assert _logins(server) == 3
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("worker")]


def test_events_come_as_they_happen_and_leaving_the_loop_ends_what_runs(
    sshd: Sshd, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with _load(sshd.inventory(tmp_path, 3)) as fleet:
        kinds = [type(event) for event in fleet.run("echo x", "h001")]
        assert kinds == [RunStarted, HostStarted, Output, HostFinished, RunFinished]

        run = fleet.run(LONG, "h[001-002]")
        for event in run:
            if isinstance(event, Output):
                break
        assert sshd.running() == []  # by now
        left = run.result()
        assert {host.status for host in left.hosts.values()} <= {Status.CANCELLED}
        assert len(left.hosts) == 2
        assert left.exit_code == 130
        assert left.stopped == "the run was abandoned"
        assert all(host.outcome.remote_ended for host in left.hosts.values())

        run = fleet.run(LONG, "h003")
        for event in run:
            if isinstance(event, Output):
                threading.Thread(target=run.call_off, args=("enough",)).start()
        assert run.result()["h003"].status is Status.CANCELLED
        assert run.result().stopped == "enough"

        abandoned = iter(fleet.run(LONG, "h001"))
        while not isinstance(next(abandoned), Output):
            pass
    assert sshd.running() == []  # the fleet has ended it
    assert capfd.readouterr() == ("", "")


SCRIPT = """
import sys
from fleetctl import Fleet
from fleetctl.events import Output
from pathlib import Path
with Fleet.load(sys.argv[1], ssh_config=Path("none")) as fleet:
    run = fleet.run("echo begun; exec sleep 64", "h[001-002]")
    try:
        for event in run:
            if isinstance(event, Output):
                print("begun", flush=True)
    except KeyboardInterrupt:
        print(run.result().exit_code, *sorted(host.status for host in run.result().hosts.values()))
        print(*(host.outcome.remote_ended for host in run.result().hosts.values()))
        raise
"""


def test_ctrl_c_is_raised_when_the_hosts_have_ended(sshd: Sshd, tmp_path: Path) -> None:
    words = [sys.executable, "-c", SCRIPT, str(sshd.inventory(tmp_path, 2))]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as script:
        assert script.stdout is not None
        assert [script.stdout.readline() for _ in range(2)] == ["begun\n", "begun\n"]
        script.send_signal(signal.SIGINT)
        said, errors = script.communicate(timeout=60)
    assert said == "130 cancelled cancelled\nTrue True\n"
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert script.returncode == -signal.SIGINT
    assert sshd.running() == []


def test_runs_are_kept_where_that_is_wanted(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> None:
    database = tmp_path / "history/history.db"
    with Fleet.load(sshd.inventory(tmp_path, 1), ssh_config=Path("none"), history=database) as fleet:
        ran = fleet.run(Command("echo $TOKEN", {"TOKEN": "hush hush"})).result()
    (tmp_path / "config.yaml").write_text("history: {directory: history}\n")
    told = fleetctl("show", ran.run, env={"FLEETCTL_CONFIG": str(tmp_path / "config.yaml")})
    assert "h001: ***" in told.stdout
    told = fleetctl("history", env={"FLEETCTL_CONFIG": str(tmp_path / "config.yaml")})
    assert ran.run in told.stdout
    assert "run echo $TOKEN" in told.stdout


def test_mistakes_are_told_before_anything_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "inventory.yaml").write_text("hosts: {web01: {}}\n")
    (tmp_path / "job.yaml").write_text("steps:\n  - rnu: echo\n")
    monkeypatch.chdir(tmp_path)
    with Fleet.load(overrides=Overrides(user="x"), policy=Policy(fanout=2)) as fleet:
        assert fleet.hosts("web01")[0].login.user == "x"
        with pytest.raises(TargetError):
            fleet.run("true", "web02")
        with pytest.raises(UsageError, match="there is no nothing"):
            fleet.put("nothing", "x")
        with pytest.raises(JobError, match="did you mean run"):
            fleet.job("job.yaml")
        (tmp_path / "job.yaml").write_text("steps:\n  - run: echo {{ vars.colour }}\n")
        with pytest.raises(JobError, match="colour"):
            fleet.job("job.yaml")
        with pytest.raises(UsageError, match="colour is a Secret, which templates cannot see"):
            fleet.job("job.yaml", vars={"colour": Secret("red")})
        with pytest.raises(UsageError, match=r"must be text, a number.*, not PosixPath"):
            fleet.job("job.yaml", vars={"colour": {"a": [1, None, Path("red")]}})
        with pytest.warns(RuntimeWarning, match="never begun"):
            fleet.run("true", "web01")
    (tmp_path / "inventory.yaml").unlink()
    with pytest.raises(UsageError, match="no inventory"):
        Fleet.load()


def test_all_that_scripts_need_is_in_the_package_itself() -> None:
    stub = Path(fleetctl.__file__).with_suffix(".pyi").read_text()
    told = {line.rpartition(" as ")[2] for line in stub.splitlines() if " as " in line}
    assert {"Fleet", "Run", "RunResult"} <= told
    assert set(vars(fleetctl)["__all__"]) == told
    for name in told:
        assert getattr(fleetctl, name).__name__ == name
    assert fleetctl.Run is Run
    with pytest.raises(AttributeError, match="no attribute 'Flete'"):
        _ = fleetctl.Flete  # type: ignore[attr-defined]
