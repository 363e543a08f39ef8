"""What people and programs see of a job: while it runs, when it is over, told again, and beside another run."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.support.fleetctl import Fleetctl
from tests.support.sshd import Sshd

ROLL = """\
name: roll
vars: {code: 1}
steps:
  - name: fetch
    run: echo fetched
  - name: meet
    barrier: true
  - name: restart
    run: >-
      echo restarting {{ host.name | quote }}; echo bad >&2;
      exit {{ (vars.code if host.name == 'h002' else 0) | quote }}
    notify: reload
  - name: check
    run: "true"
    changed_when: false
handlers:
  - name: reload
    run: echo reloaded
"""

TOLD = """\
step 1/4  fetch · 2 changed
  h[001-002] (2) · changed
    fetched
step 2/4  meet · 2 ok
step 3/4  restart · 1 changed, 1 failed
  h002 (1) · failed: exit 1
    restarting h002
    ! bad
  h001 (1) · changed
    restarting h001
    ! bad
step 4/4  check · 1 ok
handler 1/1  reload · 1 changed
  h001 (1) · changed
    reloaded
"""

RECAP = """\
        ok  changed  failed  skipped  TIME  hosts
failed   1        1       1        0  TIME  h002 (1), at restart
ok       2        3       0        0  TIME  h001 (1)
1 ok · 1 failed — 2 hosts in TIME
  failed       h002  restart: exit 1
"""


def test_a_job_is_seen_step_by_step_now_and_later(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> None:
    job = tmp_path / "roll.yaml"
    job.write_text(ROLL)
    words = ("job", "run", "-i", sshd.inventory(tmp_path, 2), "-t", "*", job)

    ran = fleetctl(*words)
    assert (ran.exit_code, ran.stdout) == (1, TOLD)
    assert RECAP in without_times(ran.stderr)

    again = fleetctl("show")
    assert again.stdout == TOLD
    assert without_times(again.stderr).endswith(RECAP)
    document = json.loads(fleetctl("show", "-o", "json").stdout)
    bad = next(host for host in document["hosts"] if host["host"] == "h002")
    assert [(step["step"], step["status"], step["exit_code"]) for step in bad["steps"]] == [
        ("fetch", "changed", 0),
        ("meet", "ok", None),
        ("restart", "failed", 1),
    ]
    assert bad["counts"] == {"ok": 1, "changed": 1, "failed": 1, "skipped": 0}
    fleetctl("report", "--html", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert re.findall(r'<span class="place">(.*?)</span> (\w+)', page)[3] == ("step 4/4", "check")

    with fleetctl.on_terminal(*words, "-e", "code=0") as running:
        ran = running.finish()
    assert ran.exit_code == 0
    assert "step 3/4  restart" in ran.stdout

    compared = fleetctl("compare", document["run"]["id"])
    assert compared.exit_code == 1
    assert "restart: failed: exit 1 → changed" in compared.stdout
    assert "    +reloaded\n" in compared.stdout


def without_times(talk: str) -> str:
    """The talk with each span of time, and the word above them, as TIME."""
    return re.sub(r"( | {2,})(time(?=  hosts)|[0-9.]+ m?s\b)", lambda match: f"{match[1][:2]}TIME", talk)
