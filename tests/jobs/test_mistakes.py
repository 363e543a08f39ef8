"""What can be wrong with a job: each mistake with its file, line and path, all of them in one go, before connecting."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleetctl.cli.jobs.checking import check_file
from fleetctl.cli.options import Selection
from fleetctl.errors import JobError, Problem
from fleetctl.jobs.language import ACTIONS, Modifiers
from fleetctl.jobs.reading.job_file import load_job

CASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parents[1] / "cases" / "job_mistakes.yaml").read_text())
INVENTORY = """
groups:
  web: {hosts: "web[1-2]", vars: {role: web, ports: [80]}}
  db: {hosts: db1, vars: {role: db, db_port: 5432, ports: 1}}
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A directory with an inventory, and what jobs send."""
    (tmp_path / "inventory.yaml").write_text(INVENTORY)
    (tmp_path / "web.conf").write_text("port {{ vars.ports[0] }}\n")
    return tmp_path


def check(here: Path) -> str:
    return check_file(here / "job.yaml", [], Selection(inventory=[here / "inventory.yaml"]))


def problems(here: Path) -> list[Problem]:
    with pytest.raises(JobError) as raised:
        check(here)
    return raised.value.problems


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["said"])
def test_a_mistake_is_told_with_line_and_path(here: Path, case: dict[str, Any]) -> None:
    (here / "job.yaml").write_text(case.get("job", f"steps:\n{case.get('steps')}\n"))
    (problem,) = problems(here)
    assert (problem.file, problem.line, problem.path) == (here / "job.yaml", case["line"], case["path"])
    assert case["said"] in problem.message


def test_all_mistakes_of_all_files_are_told_in_one_go(here: Path) -> None:
    (here / "job.yaml").write_text(
        "targets: '@wbe'\nsteps:\n- include: more.yaml\n  when: vars.gone\n  loop: [1]\n- rnu: a\n"
        "- template: {src: a.j2, dest: /etc/a}\n- run: '{{ vars.x | quote }}'\n  timeout: x\n"
    )
    (here / "more.yaml").write_text("- run: a\n- run: {{ vars.y }}\n- run: '{{ item | quote }}'\n")
    (here / "a.j2").write_text("{% for one in vars.ports %}{{ one }} {{ loop.index }}{% endfor %}\n\n{{ vars.z }}\n")
    assert [(problem.file.name, problem.line) for problem in problems(here)] == [
        ("job.yaml", 1), ("job.yaml", 4), ("job.yaml", 5), ("job.yaml", 6), ("job.yaml", 8), ("job.yaml", 9),
        ("more.yaml", 2), ("more.yaml", 3), ("a.j2", 3),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("steps", "files"),
    [
        ("- include: a.yaml", {"a.yaml": "[{include: b/b.yaml}]", "b/b.yaml": "- include: ../a.yaml"}),
        ("- include: a.yaml", {"a.yaml": "{run: a}"}),
        ("- include: a.yaml", {"a.yaml": "- include: a.yaml\n" * 2}),
        ("- include: a.yaml\n" * 20, {"a.yaml": "- include: b.yaml\n" * 99, "b.yaml": "- include: c.yaml\n" * 99,
                                      "c.yaml": "[]"}),
    ],
    ids=["a cycle", "no list", "itself", "a bomb"],
)  # fmt: skip
def test_files_that_cannot_be_included_are_told_where_they_are(here: Path, steps: str, files: dict[str, str]) -> None:
    (here / "job.yaml").write_text(f"steps:\n{steps}\n")
    (here / "b").mkdir()
    for name, content in files.items():
        (here / name).write_text(content)
    with pytest.raises(JobError) as raised:
        load_job(here / "job.yaml")
    said = str(raised.value)
    assert "→ b.yaml → a.yaml" in said or "a list of steps" in said or "a.yaml → a.yaml" in said or "10,000" in said
    assert len(raised.value.problems) <= 2


def test_includes_have_an_end(here: Path) -> None:
    (here / "job.yaml").write_text("steps:\n- include: 1.yaml\n")
    for number in range(1, 40):
        (here / f"{number}.yaml").write_text(f"- include: {number + 1}.yaml\n")
    (problem,) = problems(here)
    assert (problem.file.name, problem.line) == ("30.yaml", 1)
    assert problem.message == "is an include in more than 30 others"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("steps:\n" + "- run: echo and so on and on and on\n" * 300_000, "is larger than 1 MiB"),
        ("a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
            f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
        ), "100,000 values"),
        ("steps: " + "[" * 100_000, "nested more than 30 deep"),
        ("steps:\n- run: '{{ " + "(" * 100_000 + "1'", "nested too deep"),
    ],
    ids=["10 MB", "aliases", "brackets", "brackets in a template"],
)  # fmt: skip
def test_what_would_grow_beyond_all_bounds_is_refused(here: Path, content: str, said: str) -> None:
    (here / "job.yaml").write_text(content)
    (problem,) = problems(here)
    assert said in problem.message


@pytest.mark.parametrize(
    "text",
    [
        "{{ vars.x | default('a') | quote }}", "{{ vars.x | quote if vars.x is defined else 1 }}",
        "{% if vars.x is defined and vars.x %}{{ vars.x | quote }}{% endif %}", "{{ vars.get('x') | quote }}",
        "{{ vars.x | quote if 'x' in vars else '' }}", "{{ (vars.x is not defined or vars.x == 1) }}",
        "{% if vars.x is undefined %}{% else %}{{ vars.x | quote }}{% endif %}", "{{ steps.a is defined }}",
        "{% set name = 5 %}{{ name | quote }}{{ range(3) | length }}", "{{ vars | length }} {{ vars.port | int }}",
        "{{ vars.port == 5 and true }} {{ index }} {{ host.port }} {{ steps.b.exit }} {{ vars.port - 1 }}",
        "{{ vars.names | map('quote') | join(' ') }} {{ ['a', vars.port | quote] | join(',') | quote }}",
        "{{ 'a' ~ (vars.port | quote) }} {{ vars['port'] | quote }} {{ vars.port or 5 | quote }}",
    ],
)  # fmt: skip
def test_guarded_uses_and_quoted_values_are_fine(here: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    job = {"vars": {"port": 1, "names": ["a"]}, "steps": [{"run": "b", "register": "b"}, {"run": text, "loop": [1]}]}
    (here / "job.yaml").write_text(yaml.safe_dump(job))
    if "or 5" not in text:
        assert check(here) == f"{here / 'job.yaml'} is fine: 2 steps, 3 hosts"
        assert capsys.readouterr().err == ""
    else:
        assert check(here)
        assert "write {{ (vars.port or 5 | quote) | quote }}" in capsys.readouterr().err


def test_a_variable_that_goes_unquoted_into_a_shell_line_is_warned_of(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "job.yaml").write_text(
        "steps:\n- run: |\n    true\n    echo {{ vars.role }} {{ vars.role + 'x' }}\n- local: echo '{{ host.name }}'\n"
        "- wait_for: {command: 'test {{ vars.role }}'}\n- run: {line: a, stdin: '{{ vars.role }}'}\n"
        "  unless: test {{- vars.role | upper -}}\n- reboot: now {{ vars.ports | join(' ') }}\n"
        "- pause: {ask: 'is {{ host.name }} well?'}\nhandlers:\n- {name: gone, run: a}\n"
    )
    assert "is fine: 6 steps, 1 handler, 3 hosts" in check(here)
    told = [line.partition("job.yaml:")[2] for line in capsys.readouterr().err.splitlines()]
    shell = "goes into the shell as it is: write"
    assert told == [
        f"4: steps[0].run: {{{{ vars.role }}}} {shell} {{{{ vars.role | quote }}}}",
        f"4: steps[0].run: {{{{ vars.role + 'x' }}}} {shell} {{{{ (vars.role + 'x') | quote }}}}",
        f"5: steps[1].local: {{{{ host.name }}}} {shell} {{{{ host.name | quote }}}}",
        f"6: steps[2].wait_for.command: {{{{ vars.role }}}} {shell} {{{{ vars.role | quote }}}}",
        f"8: steps[3].unless: {{{{- vars.role | upper -}}}} {shell} {{{{ vars.role | upper | quote }}}}",
        f"9: steps[4].reboot: {{{{ vars.ports | join(' ') }}}} {shell} {{{{ vars.ports | join(' ') | quote }}}}",
        "10: steps[5].pause.ask: {{ host.name }} stays as it is: this is no template",
        "12: handlers[0]: no step notifies 'gone', so it never runs",
    ]


def test_what_only_some_hosts_have_is_fine_where_the_others_do_not_come(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "job.yaml").write_text(
        "steps:\n- run: echo {{ vars.db_port | quote }}\n  when: \"'db' in host.groups\"\n- local: make\n"
        "- run: echo {{ vars.db_port | quote }}\n  when: facts.cpus > 1\n- put: {src: made.tar, dest: /tmp}\n"
        "- set: {late: [1]}\n- run: echo {{ item | quote }} {{ vars.late[0] | quote }}\n  loop: vars.late\n"
    )
    assert "is fine" in check(here)
    first, second = capsys.readouterr().err.splitlines()
    assert "job.yaml:5: steps[2].run: vars.db_port is not defined for web[1-2]" in first
    assert "job.yaml:7: steps[3].put.src: there is no" in second


WORDS = st.sampled_from(["a", "{{ vars.a }}", "{{", "", "5m", "{% if", "x{#", "~x/y", "\t\n", "job.yaml", "host.name"])
SIMPLE = st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=5)
KEYS = st.sampled_from([*ACTIONS, *Modifiers.__struct_fields__, "steps", "handlers", "vars", "policy", "env", "src"])
VALUES = st.recursive(SIMPLE, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4))
JOBS = VALUES | st.fixed_dictionaries({"steps": st.lists(st.dictionaries(KEYS, VALUES, min_size=1, max_size=4))})


@given(JOBS)
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_no_file_whatsoever_ends_in_anything_but_mistakes_that_are_told(here: Path, content: Any) -> None:
    (here / "job.yaml").write_text(yaml.safe_dump(content))
    with suppress(JobError):
        assert "is fine" in check(here)
