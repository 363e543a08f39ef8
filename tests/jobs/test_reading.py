"""From a job file to its steps: includes in place, what the head says of all, names, and one word for a list."""

from __future__ import annotations

from pathlib import Path

from fleetctl.jobs.language import Assert, Put, Reboot, Run, Step
from fleetctl.jobs.reading.job_file import load_job

JOB = """
name: demo
targets: "@web"
sudo: true
env: {A: 1, B: x}
cwd: /srv
policy: {timeout: 5m, batch: 5}
steps:
  - run: echo a
  - run: echo a
    sudo: false
    env: {B: y}
    cwd: /tmp
    timeout: 1s
    when: a
    tags: t
    notify: restart
  - include: more/steps.yaml
    when: [b, c]
    tags: u
    sudo: deploy
  - put: {src: x, dest: y, mode: "0640"}
    loop: [1]
  - assert: vars.a
  - set: {password: hunter2}
  - reboot:
  - barrier: true
  - include: more/steps.yaml
handlers:
  - name: restart
    run: systemctl restart app
"""


def told(step: Step, *names: str) -> list[object]:
    return [getattr(step.how, name) for name in names]


def test_a_job_file_becomes_steps_with_all_that_is_said_of_them(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "steps.yaml").write_text(
        "- run: echo b\n  when: d\n  tags: [t, u]\n- {name: last, sudo: true, run: echo c}\n"
    )
    (tmp_path / "job.yaml").write_text(JOB)
    job = load_job(tmp_path / "job.yaml")
    assert [step.name for step in (*job.steps, *job.handlers)] == [
        "run: echo a", "run: echo a (2)", "run: echo b", "last", "put: src x, dest y, mode 0640", "assert: vars.a",
        "set: password", "reboot", "barrier", "run: echo b (2)", "last (2)", "restart",
    ]  # fmt: skip
    first, second, third, fourth, fifth, sixth, *_ = job.steps
    assert told(first, "sudo", "env", "cwd", "timeout") == [True, {"A": "1", "B": "x"}, "/srv", 300]
    assert told(second, "sudo", "env", "cwd", "timeout") == [False, {"A": "1", "B": "y"}, "/tmp", 1]
    assert told(second, "when", "tags", "notify") == [("a",), ("t",), ("restart",)]
    assert told(third, "when", "tags", "sudo") == [("b", "c", "d"), ("u", "t"), "deploy"]
    assert told(fourth, "when", "tags", "sudo") == [("b", "c"), ("u",), True]
    assert (third.file, third.line, third.path) == (str(tmp_path / "more" / "steps.yaml"), 1, "[0]")
    assert (fifth.line, fifth.path, fifth.how.loop) == (22, "steps[3]", [1])
    assert isinstance(first.action, Run)
    assert isinstance(fifth.action, Put)
    assert (fifth.action.src, fifth.action.mode) == (("x",), 0o640)
    assert isinstance(sixth.action, Assert)
    assert sixth.action.that == ("vars.a",)
    assert (job.steps[7].action, job.steps[8].action) == (Reboot(), None)


def test_the_digest_is_another_when_the_file_or_one_that_it_includes_is_another(tmp_path: Path) -> None:
    path, more = tmp_path / "job.yaml", tmp_path / "more.yaml"
    path.write_text("steps: [{include: more.yaml}]")
    more.write_text("[{run: a}]")
    digests = [load_job(path).digest, load_job(path).digest]
    more.write_text("[{run: b}]")
    digests.append(load_job(path).digest)
    path.write_text("steps: [{include: more.yaml}] # changed")
    digests.append(load_job(path).digest)
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3
