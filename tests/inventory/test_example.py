"""The example inventory loads, and the JSON schema takes it and refuses what the loader refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from fleetctl.inventory import load, schema

EXAMPLE = Path(__file__).parents[2] / "inventory.example.yaml"


def test_the_example_loads_and_says_what_its_comments_say() -> None:
    inventory = load([EXAMPLE])
    assert len(inventory.names) == 23
    assert inventory.select("@prod") == [*inventory.select("@web"), "db01", "db02"]
    (bastion,) = inventory.hosts(["bastion"])
    assert (bastion.address, bastion.login.user) == ("203.0.113.5", "jump")


def test_the_schema_takes_the_example() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(yaml.safe_load(EXAMPLE.read_text()), schema())


@pytest.mark.parametrize(
    "content",
    [
        {"hosst": {}},
        {"defaults": {"address": "10.0.0.1"}},
        {"defaults": {"port": 0}},
        {"defaults": {"port": "22"}},
        {"defaults": {"host_key_policy": "never"}},
        {"defaults": {"password": {}}},
        {"defaults": {"password": {"env": "A", "file": "b"}}},
        {"defaults": {"password": {"evn": "A"}}},
        {"groups": {"web": {"groups": "db"}}},
        {"hosts": {"web01": {"colour": "red"}}},
        {"hosts": 5},
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(content: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, schema())


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"hosts": "web[01-20]", "default_target": "@*"},
        {"hosts": ["a", "b[1-2]"]},
        {"hosts": {"a": None, "b": {"address": "::1", "keys": "x", "tags": ["t"], "vars": {"n": [1, {}]}}}},
        {"groups": {"g": None, "h": {"hosts": "a", "groups": ["g"], "connect_timeout": "5s", "env": {"A": 1}}}},
        {"defaults": {"password": {"command": ["pass", "show", "x"]}, "key_passphrase": "plain"}},
    ],
)
def test_the_schema_takes_what_the_loader_takes(content: dict[str, Any], tmp_path: Path) -> None:
    jsonschema.validate(content, schema())
    path = tmp_path / "inventory.yaml"
    path.write_text(yaml.safe_dump(content))
    assert isinstance(load([path]).names, tuple)
