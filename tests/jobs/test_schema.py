"""The JSON schema of job files, as editors use it: the same as the one in docs/, and of one mind with the reader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from fleetctl.errors import JobError
from fleetctl.jobs.reading.job_file import load_job
from fleetctl.jobs.reading.schema import schema

PUBLISHED = Path(__file__).parents[2] / "docs" / "job.schema.json"
RIGHT = [
    {"run": "a"}, {"run": {"line": 5, "pty": True}}, {"reboot": None}, {"pause": "5m"}, {"pause": {"ask": "go?"}},
    {"barrier": True}, {"assert": ["a", "b"]}, {"set": {"a": [1]}}, {"run": "a", "when": ["a"], "tags": "t"},
    {"run": "a", "sudo": "x", "register": "b"},
    {"wait_for": {"port": 80, "within": 5}}, {"put": {"src": ["a"], "dest": "b", "mode": 644}, "loop": "vars.a"},
    {"template": {"src": "a", "dest": "b"}, "barrier": True}, {"local": "a", "env": {"A": 1}, "timeout": 5},
]  # fmt: skip
WRONG = [
    {"rnu": "a"}, {"run": "a", "local": "b"}, {"name": "a"}, {"run": ["a"]}, {"put": "a"}, {"put": {"src": "a"}},
    {"set": "a"}, {"run": "a", "loop": 5}, {"run": "a", "retries": -1}, {"run": {"lien": "a"}}, {"barrier": False},
    {"run": "a", "register": "a-b"}, {"run": "a", "sudo": 5},
]  # fmt: skip


def test_the_published_schema_is_that_of_the_types() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    assert json.loads(PUBLISHED.read_text()) == schema()


@pytest.mark.parametrize("step", [*RIGHT, *WRONG], ids=str)
def test_schema_and_reader_agree(tmp_path: Path, step: dict[str, Any]) -> None:
    job = {"steps": [step], "policy": {"batch": 5, "timeout": "5m"}, "targets": ["@a"]}
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(job))
    valid = jsonschema.Draft202012Validator(schema()).is_valid(job)
    try:
        load_job(tmp_path / "job.yaml")
    except JobError:
        assert not valid
        assert step in WRONG
    else:
        assert valid
        assert step in RIGHT
