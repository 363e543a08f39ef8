"""`fleetctl job run` on real servers: rights, questions, what it leaves undone, and how it ends."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.support.account import Account
from tests.support.fleetctl import Fleetctl
from tests.support.privileges import Sudoers
from tests.support.sshd import Sshd

RIGHTS = """
name: rights
steps:
  - name: one
    run: id -un
  - name: two
    run: id -un
    sudo: true
  - name: three
    run: id -un
    sudo: false
"""


def test_the_password_for_sudo_is_asked_once_and_makes_no_other_step_root(
    fleetctl: Fleetctl, deputy_sshd: Sshd, deputy: Account, sudoers: Sudoers, tmp_path: Path
) -> None:
    sudoers("{user} ALL=(ALL) ALL")
    inventory = deputy_sshd.inventory(tmp_path, 2)
    (tmp_path / "rights.yaml").write_text(RIGHTS)
    for words, first in ((["-K"], deputy.user), (["-K", "-s"], "root")):
        with fleetctl.on_terminal(
            "job", "run", *words, "-i", inventory, "-o", "stream", "-N", tmp_path / "rights.yaml"
        ) as running:
            running.wait_for("Sudo password, that of the login user, for all hosts: ")
            running.type(f"{deputy.password}\n")
            ran = running.finish()
        assert sorted(re.findall(rf"root|{deputy.user}", ran.stdout)) == sorted([first, "root", deputy.user] * 2)
        assert ran.exit_code == 0


CLEANING = """
name: cleaning
targets: [h001, h002]
vars: {victim: "", code: 0}
policy: {batch: "1", max_failures: 0}
steps:
  - name: clean up
    tags: [clean]
    run: rm -rf {{ vars.victim | quote }}
  - name: say
    run: echo gone from {{ host.name }}; exit {{ vars.code }}
"""


def test_a_job_is_asked_about_stops_and_goes_on_where_it_is_told_to(
    fleetctl: Fleetctl, sshd: Sshd, far: Path, tmp_path: Path
) -> None:
    inventory = sshd.inventory(tmp_path, 3)
    job = tmp_path / "cleaning.yaml"
    job.write_text(CLEANING)
    victim = far / "victim"
    victim.mkdir()
    words = ("job", "run", "-i", inventory, job, "-e", f"victim={victim}")

    with fleetctl.on_terminal(*words) as running:
        running.wait_for('Job cleaning (rm in "clean up") on 2 hosts: h[001-002]? [y/N]: ')
        running.type("\n")
        assert running.finish().exit_code == 2
    assert victim.exists()

    ran = fleetctl(*words, "-e", "code=3", "--failed-to", tmp_path / "bad.txt", "-o", "ndjson")
    assert ran.exit_code == 4  # the first batch has failed
    assert not victim.exists()
    assert (tmp_path / "bad.txt").read_text().split() == ["h001", "h002"]
    events = [json.loads(line) for line in ran.stdout.splitlines()]
    finished = {one["host"]: one["outcome"] for one in events if one["type"] == "host_finished"}
    assert (finished["h001"]["status"], finished["h001"]["exit_code"]) == ("failed", 3)
    assert finished["h002"]["status"] == "skipped"

    victim.mkdir()
    ran = fleetctl(
        *words, "-t", "h003", "--skip-tags", "clean", "-S", "-o", "stream", "--max-failures", "1", "-e", "code=7"
    )
    assert (ran.exit_code, victim.exists()) == (7, True)
    assert "h003: gone from h003\n" in ran.stdout
    ran = fleetctl(*words, "--start-at", "sya")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "has no step 'sya'; did you mean say?" in ran.stderr
    ran = fleetctl(*words, "--step")
    assert ran.exit_code == 2
    assert "--step needs a terminal to ask at" in ran.stderr
