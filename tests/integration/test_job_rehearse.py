"""`fleetctl job rehearse`: a job is played on lab hosts called like its own, and nothing else happens anywhere."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from tests.support.fleetctl import Fleetctl

INVENTORY = """
defaults: {user: nobody, known_hosts: /nonexistent, password: {command: [touch, asked]}, jump: bastion}
groups:
  web:
    hosts: web[01-05]
    vars: {role: frontend}
    tags: [eu]
hosts:
  bastion: {address: 192.0.2.1, jump: []}
  web01: {address: 192.0.2.11}
"""
JOB = """
name: deploy
targets: ["@web"]
policy: {batch: "1,2,100%", max_failures: 0, pause: 1h, check: touch checked, check_on: local}
steps:
  - name: drain
    local: touch drained-{{ host.name }}
  - name: version
    run: cat VERSION.{{ facts.arch | quote }}
    register: version
  - name: site
    put: {src: site/, dest: /srv/www}
  - name: deploy
    run: echo {{ host.name }} {{ vars.role }} {{ steps.version.stdout | quote }} > deployed
    sudo: true
    unless: touch looked
    until: result.stdout == 'done'
    notify: [reload]
  - name: restart
    reboot: {}
  - name: up
    wait_for: {port: 80}
  - name: look
    pause: {ask: Is all well?}
  - name: undrain
    local: touch undrained-{{ host.name }}
    always: true
handlers:
  - name: reload
    run: systemctl reload app
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "inventory.yaml").write_text(INVENTORY)
    (tmp_path / "job.yaml").write_text(JOB)
    (tmp_path / "tmp").mkdir()
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index").write_text("hello")
    (tmp_path / "site" / "start").symlink_to("index")
    return tmp_path


def test_every_step_is_told_with_its_values_and_nothing_is_done(fleetctl: Fleetctl, place: Path) -> None:
    before = sorted(place.iterdir())
    env = {"TMPDIR": str(place / "tmp")}
    ran = fleetctl("job", "rehearse", "job.yaml", "--answer", "version=it's 2", env=env, cwd=place)
    assert ran.exit_code == 0, ran.stderr
    assert "this is a rehearsal, on 5 lab hosts of this machine alone" in ran.stderr
    said = ran.stdout + ran.stderr
    for text in (
        "would run here: touch drained-web01",
        f"would run: cat VERSION.{platform.machine()}",
        """would run: echo web05 frontend 'it'"'"'s 2' > deployed""",
        "1 file, 5 bytes sent; 1 linked",
        "would restart",
        "would wait for port 80 of 127.0.0.1",
        "would run here: touch undrained-web03",
        "would run: systemctl reload app",
        "batch 3 of 3: 2 hosts",
    ):
        assert text in said
    assert sorted(place.iterdir()) == before
    assert not list((place / "tmp").iterdir())
    assert fleetctl("history", env=env, cwd=place).stdout == ""


def test_what_goes_wrong_stops_the_rollout_and_can_be_seen_again(fleetctl: Fleetctl, place: Path) -> None:
    first = fleetctl("job", "rehearse", "job.yaml", "--seed", "7", cwd=place)
    assert first.exit_code == 4, first.stderr
    wrong = [line for line in first.stderr.splitlines() if line.startswith("  web")]
    assert "the same again: --seed 7" in first.stderr
    assert any(" fails at " in line for line in wrong)
    assert any(" loses its connection in " in line for line in wrong)
    failed = next(line.split()[0] for line in wrong if " fails at " in line)
    said = first.stdout + first.stderr
    assert f"would run here: touch undrained-{failed}" in said
    again = fleetctl("job", "rehearse", "job.yaml", "--faults", "--seed", "7", cwd=place)
    assert [line for line in again.stderr.splitlines() if line.startswith("  web")][: len(wrong)] == wrong
    assert again.exit_code == first.exit_code


def test_an_answer_for_a_step_that_is_not_there_is_a_mistake(fleetctl: Fleetctl, place: Path) -> None:
    ran = fleetctl("job", "rehearse", "job.yaml", "--answer", "verson=2", cwd=place)
    assert ran.exit_code == 2
    assert "--answer: there is no step 'verson'; did you mean version?" in ran.stderr
