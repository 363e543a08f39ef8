"""A job that stopped on some hosts goes on there where it stopped, and nothing that was done is done again."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.support.fleetctl import Fleetctl, Ran
from tests.support.secrecy import secret
from tests.support.sshd import Sshd

HUSH = secret("token of a job")

DEPLOY = """\
name: deploy
steps:
  - name: migrate
    run: echo migrated >> FAR/log; echo by {{ host.name | quote }}
    once: true
    register: migration
  - name: first
    run: echo first {{ host.name | quote }} >> FAR/log; echo got {{ host.name | quote }}
    register: got
    notify: announce
  - name: keep
    set: {kept: "{{ steps.got.stdout }}"}
  - name: third
    run: test -e FAR/mended-{{ host.name | quote }}
  - name: tidy
    run: echo tidy {{ host.name | quote }} >> FAR/log
    changed_when: false
    always: true
  - name: last
    run: echo last {{ host.name | quote }} {{ vars.kept | quote }} {{ steps.migration.stdout | quote }} >> FAR/log
handlers:
  - name: announce
    run: echo announced {{ host.name | quote }} >> FAR/log
"""

SLOW = """\
steps:
  - name: count
    run: echo counted {{ host.name | quote }} >> FAR/log; echo {{ vars.token | length }}
    register: counted
  - name: wait
    run: echo waits {{ host.name | quote }}; test -e FAR/go || exec sleep 66
  - name: tell
    run: echo told {{ host.name | quote }} {{ steps.counted.stdout | quote }} >> FAR/log
"""

LOUD = """\
steps:
  - name: say
    run: echo said >> FAR/log; echo {{ vars.token | quote }}
    register: spoken
  - name: fail
    run: "false"
  - name: use
    run: echo {{ USED }} >> FAR/log
"""


@pytest.fixture
def three(sshd: Sshd, tmp_path: Path) -> Path:
    return sshd.inventory(tmp_path, 3)


def log(far: Path) -> list[str]:
    return sorted((far / "log").read_text().splitlines())


def mend(far: Path, host: str) -> None:
    (far / f"mended-{host}").touch()


def run_of(ran: Ran) -> str:
    """The id in the line that says how to go on."""
    return ran.stderr.partition("go on with: fleetctl job resume ")[2].split()[0]


def test_each_host_goes_on_at_the_step_where_it_stopped(fleetctl: Fleetctl, three: Path, far: Path) -> None:
    job = three.with_name("deploy.yaml")
    job.write_text(DEPLOY.replace("FAR", str(far)))
    mend(far, "h001")
    nothing = fleetctl("job", "resume")
    assert nothing.exit_code == 2
    assert "there is no job run in history yet" in nothing.stderr

    first = fleetctl("job", "run", "-i", three.name, "-t", "@*", job.name, cwd=three.parent)
    assert first.exit_code == 1
    run = run_of(first)
    done_by_first = log(far)
    doer = next(line.split()[-1] for line in done_by_first if line.startswith("last"))
    assert done_by_first == [
        "announced h001",
        "first h001", "first h002", "first h003",
        f"last h001 got h001 by {doer}",
        "migrated",
        "tidy h001", "tidy h002", "tidy h003",
    ]  # fmt: skip
    assert fleetctl("hosts", "-i", three, "-t", "@status:failed").stdout.split() == ["h002", "h003"]
    told = fleetctl("show", run, "--exit-code")
    assert told.exit_code == 1
    assert "third" in told.stdout

    # It is refused while the job is another one, and goes on with what it has become when it may.
    job.write_text(job.read_text().replace("name: third", "name: 3rd"))
    refused = fleetctl("job", "resume")
    assert refused.exit_code == 2
    assert f"deploy.yaml has changed since {run}" in refused.stderr
    assert "--allow-changed" in refused.stderr
    refused = fleetctl("job", "resume", "--allow-changed")
    assert refused.exit_code == 2
    assert "h002 has to go on with step 'third', which deploy.yaml does not have any more" in refused.stderr
    assert f"fleetctl rerun {run} -t h002" in refused.stderr
    job.write_text(job.read_text().replace("name: 3rd", "name: third").replace("migration", "moved"))
    refused = fleetctl("job", "resume", "--allow-changed")
    assert refused.exit_code == 2
    assert "on h[002-003] is needed, and is not on record: it had no `register: moved` then" in refused.stderr
    job.write_text(job.read_text().replace("moved", "migration").replace("name: keep", "name: hold"))
    mend(far, "h002")
    second = fleetctl("job", "resume", "--allow-changed")
    assert second.exit_code == 1
    assert f"resuming: job deploy on h[002-003], of {run}" in second.stderr
    assert "  at 'third': h[002-003]" in second.stderr
    assert "under another name they are done again: 'keep'" in second.stderr
    assert log(far) == sorted(
        [*done_by_first, "tidy h002", "tidy h003", f"last h002 got h002 by {doer}", "announced h002"]
    )

    # A host that there is no more is left out, and does not count as done.
    known = three.read_text()
    three.write_text(known.replace("h003", "other"))
    gone = fleetctl("job", "resume")
    assert gone.exit_code == 0
    assert "no longer in the inventory, and left out: h003" in gone.stderr
    assert f"nothing is left to do: no host of {run_of(second)} that is not ok is in the inventory" in gone.stderr
    three.write_text(known)

    # A job that is resumed is resumed again, also by the id of the first run.
    mend(far, "h003")
    third = fleetctl("job", "resume", run, "-o", "json", "-t", "h003")
    assert third.exit_code == 0
    assert [host["host"] for host in third.json["hosts"]] == ["h003"]
    assert log(far)[-1:] == ["tidy h003"]
    assert f"last h003 got h003 by {doer}" in log(far)
    assert [line for line in log(far) if line.split()[0] in {"first", "migrated", "announced"}] == [
        "announced h001", "announced h002", "announced h003", "first h001", "first h002", "first h003", "migrated"
    ]  # fmt: skip
    last = fleetctl("job", "resume", run)
    assert (last.exit_code, last.stdout) == (0, "")
    assert f"nothing is left to do: no host of {run} is not ok" in last.stderr
    listed = fleetctl("history").stdout.splitlines()
    assert [": job run" in line and "resume" in line for line in listed[1:]] == [True, True, False]
    wrong = fleetctl("run", "-i", three, "-t", "h001", "false")
    assert wrong.exit_code == 1
    wrong = fleetctl("job", "resume", "last")
    assert wrong.exit_code == 2
    assert "is no run of a job, but of fleetctl run" in wrong.stderr


def test_a_job_whose_process_was_killed_goes_on_at_the_step_that_was_under_way(
    fleetctl: Fleetctl, three: Path, far: Path
) -> None:
    job = three.with_name("slow.yaml")
    job.write_text(SLOW.replace("FAR", str(far)))
    words = ("job", "run", "-i", three, "-t", "h[001-002]", "-e", f"token={HUSH}", "-o", "stream", job)
    with fleetctl.start(*words) as running:
        running.wait_for("waits h001")
        running.wait_for("waits h002")
        refused = fleetctl("job", "resume")
        assert refused.exit_code == 2
        assert "is still at work" in refused.stderr
        running.signal(signal.SIGKILL)
        running.process.wait(10)
    (far / "go").touch()
    assert "h[001-002] (2), at wait" in fleetctl("show", "last").stderr
    refused = fleetctl("job", "resume")
    assert refused.exit_code == 2
    assert "a secret was typed, and is not kept: token=***" in refused.stderr
    assert "-e token=…; or" in refused.stderr
    ran = fleetctl("job", "resume", "-e", f"token={HUSH}")
    assert ran.exit_code == 0
    assert "  at 'wait': h[001-002]" in ran.stderr
    size = len(HUSH)
    assert log(far) == ["counted h001", "counted h002", f"told h001 {size}", f"told h002 {size}"]


def test_a_value_with_a_secret_in_it_is_not_restored_and_asked_for_in_vain(
    fleetctl: Fleetctl, three: Path, far: Path
) -> None:
    job = three.with_name("loud.yaml")
    job.write_text(LOUD.replace("FAR", str(far)).replace("USED", "steps.spoken.stdout"))
    words = ("job", "run", "-i", three, "-t", "h001", "-e", f"token={HUSH}", "-q", job)
    assert fleetctl(*words, shows={HUSH}).exit_code == 1
    again = ("-e", f"token={HUSH}", "-q")
    refused = fleetctl("job", "resume", *again)
    assert refused.exit_code == 2
    assert "what step 'say' came to on h001 is needed, and is not on record: there is a secret in it" in refused.stderr
    assert "fleetctl rerun 2" in refused.stderr
    # All of it is done again, and from there on it counts what was done then.
    assert fleetctl("rerun", *again, shows={HUSH}).exit_code == 1
    assert log(far) == ["said", "said"]
    job.write_text(LOUD.replace("FAR", str(far)).replace("USED", "host.name").replace('"false"', '"true"'))
    assert fleetctl("job", "resume", *again, "--allow-changed", "-f", "1").exit_code == 0
    assert log(far) == ["h001", "said", "said"]
