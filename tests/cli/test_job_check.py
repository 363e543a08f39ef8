"""`fleetctl job new`, `check` and `schema`, as a user types them; and `job run`, which checks before it connects."""

from __future__ import annotations

import json
from pathlib import Path

from fleetctl.jobs.reading.schema import schema
from tests.support.fleetctl import Fleetctl


def test_a_new_job_is_fine_and_is_never_overwritten(fleetctl: Fleetctl, tmp_path: Path) -> None:
    (tmp_path / "inventory.yaml").write_text("hosts: [a, b]")
    made = fleetctl("job", "new", "first", cwd=tmp_path)
    assert (made.exit_code, made.stdout) == (0, "first.yaml is written: see it, and `fleetctl job check first.yaml`\n")
    checked = fleetctl("job", "check", "first.yaml", cwd=tmp_path)
    assert (checked.exit_code, checked.stdout, checked.stderr) == (
        0, "first.yaml is fine: 5 steps, 1 handler, 2 hosts\n", "",
    )  # fmt: skip
    before = (tmp_path / "first.yaml").read_text()
    again = fleetctl("job", "new", "first.yaml", cwd=tmp_path)
    assert again.exit_code == 2
    assert "first.yaml is there already" in again.stderr
    assert (tmp_path / "first.yaml").read_text() == before
    assert "'a: b' cannot be the name of a job" in fleetctl("job", "new", "a: b", cwd=tmp_path).stderr
    assert json.loads(fleetctl("job", "schema").stdout) == schema()


def test_mistakes_are_told_by_check_and_by_run_and_warnings_do_not_count(fleetctl: Fleetctl, tmp_path: Path) -> None:
    # 192.0.2.0/24 is nobody's: a connection to it would take its time to fail.
    (tmp_path / "inventory.yaml").write_text("hosts: {a: {address: 192.0.2.1}, b: {address: 192.0.2.2}}")
    job = tmp_path / "job.yaml"
    job.write_text("targets: a\nsteps:\n- run: echo {{ vars.x }}\n- run: echo {{ vars.verison | quote }}\n")
    checked = fleetctl("job", "check", "job.yaml", "-e", "x=1", "-e", "version=2", cwd=tmp_path)
    assert (checked.exit_code, checked.stdout) == (2, "")
    assert checked.stderr == (
        "fleetctl: warning: job.yaml:3: steps[0].run: {{ vars.x }} goes into the shell as it is: "
        "write {{ vars.x | quote }}\n"
        "fleetctl: job.yaml:4: steps[1].run: vars.verison is not defined; did you mean vars.version?\n"
    )
    played = fleetctl("job", "run", "job.yaml", "-e", "x=1", "-e", "version=2", cwd=tmp_path)
    assert (played.exit_code, played.stdout) == (2, "")
    assert "vars.verison is not defined" in played.stderr
    fine = fleetctl("job", "check", "job.yaml", "-e", "x=1", "-e", "verison=2", "-t", "a,b", cwd=tmp_path)
    assert (fine.exit_code, fine.stdout) == (0, "job.yaml is fine: 2 steps, 2 hosts\n")
    assert "warning: job.yaml:3" in fine.stderr
