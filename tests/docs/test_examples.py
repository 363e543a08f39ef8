"""Every command that README and docs show is run, and answers what they say it answers.

They are typed on a fleet of the lab whose hosts go by the names of the documents. `make test` is the one that is
not run in earnest: it is what runs this.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleetctl.lab import Fault, Lab
from tests.support.fleetctl import SCRIPT, own_mistakes
from tests.support.markdown import Example, examples

ROOT = Path(__file__).parents[2]
CASES = ROOT / "tests" / "cases"
WEB = [f"web{number:02}" for number in range(1, 7)]
DB = [f"db{number:02}" for number in range(1, 5)]
DEAD = "db03"

ON_THE_LAB = ("README.md", "docs/output.md", "docs/transfer.md")
OURS = {
    "app.conf": "port = 8080\n",
    "app.tar": "not much of a large file\n",
    "site/index.html": "<p>hi</p>\n",
    "site/css/main.css": "body {}\n",
}
"""What put sends in the documents."""
ON_THE_EXAMPLE = ("docs/inventory.md", "docs/targeting.md")
CONNECTING = ("fleetctl run", "fleetctl ping", "fleetctl trust")
"""What the documents that show the example inventory would do to its hosts; the fleet of the lab stands in."""

EXIT_CODES = dict.fromkeys(
    [
        "fleetctl ping",
        "fleetctl run -b -f 200 uname -r",
        "fleetctl run -o json systemctl is-active nginx",
        "fleetctl run df",
        "fleetctl run -b df",
        "fleetctl run -b --diff df",
        "fleetctl run -o both df",
        "fleetctl run -o table df",
        "fleetctl run -o json df",
        "fleetctl run -o ndjson df",
        "fleetctl run --save out df",
    ],
    3,  # they go to all hosts, and so to the dead one
)
"""Of commands that are shown without their answer; of those that are not named here it is 0."""


@dataclass(frozen=True)
class Stage:
    """Where commands are typed: two directories with an inventory each, and a home."""

    lab: Lab
    fleet: Path
    example: Path
    home: Path
    host_homes: dict[str, Path]

    def set_up(self) -> None:
        """Put everything back that an example may have changed: what lies beside the inventory, and on the hosts."""
        for left in self.fleet.iterdir():
            if left.is_dir():
                shutil.rmtree(left)
        plant(self.fleet, OURS)
        plant(self.fleet, {f"conf/{name}/app.conf": f"name = {name}\n" for name in self.host_homes})
        for name, home in self.host_homes.items():
            for directory in ("app", "www"):
                shutil.rmtree(home / directory, ignore_errors=True)
            plant(home, {"app/VERSION": "2.4.0\n" if name == "web03" else "2.4.1\n"})

    def type(self, command: str, directory: Path) -> subprocess.CompletedProcess[str]:
        """Type it into a shell; what comes on stderr is put in with what comes on stdout."""
        host, port = self.lab.host("lab01")
        typed = command.replace("root@10.0.0.5:2222", f"{self.lab.user}@{host}:{port}") if "run" in command else command
        return subprocess.run(
            ["/bin/sh", "-c", typed], cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=100, check=False,
            env={"HOME": str(self.home), "PATH": f"{SCRIPT.parent}:{os.environ['PATH']}", "LANG": "C.UTF-8"},
        )  # fmt: skip


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    place = tmp_path_factory.mktemp("stage")
    names = dict(zip([*WEB, *DB], (f"lab{number:02}" for number in range(1, 11)), strict=True))
    with Lab(place / "lab", 10, faults={names[DEAD]: Fault(refuse_after=0)}) as lab:
        for directory in ("fleet", "example", "home/.ssh"):
            (place / directory).mkdir(parents=True)
        shutil.copy(ROOT / "inventory.example.yaml", place / "example" / "inventory.yaml")
        shutil.copy(CASES / "mistakes.yaml", place / "example")
        (place / "fleet" / "inventory.yaml").write_text(_inventory(lab, names))
        shutil.copy(lab.client_key, place / "home/.ssh/id_ed25519")
        shutil.copy(lab.known_hosts, place / "home/.ssh/known_hosts")
        homes = {name: lab.home(host) for name, host in names.items()}
        yield Stage(lab, place / "fleet", place / "example", place / "home", homes)


def _inventory(lab: Lab, names: dict[str, str]) -> str:
    """The groups of the documents' example, on the addresses of the lab."""
    at = {name: dict(zip(("address", "port"), lab.host(host), strict=True)) for name, host in names.items()}
    groups: dict[str, Any] = {
        "web": {"tags": ["eu"], "hosts": {name: at[name] for name in WEB}},
        "db": {"hosts": {name: at[name] for name in DB}},
        "prod": {"groups": ["web", "db"]},
    }
    return yaml.safe_dump({"defaults": {"user": lab.user}, "groups": groups}, sort_keys=False)


def plant(directory: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(text)


def shown(documents: tuple[str, ...]) -> list[Any]:
    return [
        pytest.param(document, example, id=f"{document}: {example}")
        for document in documents
        for example in examples(ROOT / document)
    ]


@pytest.mark.parametrize(("document", "example"), shown(ON_THE_LAB))
def test_what_is_shown_of_a_fleet_works(stage: Stage, document: str, example: Example) -> None:
    if example.command.startswith("make"):
        done = stage.type(example.command.replace("make test", "make -n test"), ROOT)
        assert done.returncode == 0, done.stdout
    else:
        stage.set_up()
        check(stage, stage.type(example.command, stage.fleet), example)


@pytest.mark.parametrize(("document", "example"), shown(ON_THE_EXAMPLE))
def test_what_is_shown_of_inventories_and_targets_works(stage: Stage, document: str, example: Example) -> None:
    directory = stage.fleet if example.command.startswith(CONNECTING) else stage.example
    check(stage, stage.type(example.command, directory), example)


def check(stage: Stage, done: subprocess.CompletedProcess[str], example: Example) -> None:
    assert own_mistakes(done.stdout) == []
    if example.answer is None:
        assert done.returncode == EXIT_CODES.get(example.command, 0), done.stdout
    elif example.answer.startswith("{"):
        assert shape(done.stdout) == shape(example.answer)
    else:
        assert plain(done.stdout, stage) == plain(example.answer, stage)


def plain(answer: str, stage: Stage) -> list[str]:
    """The lines without what differs from run to run: seconds, addresses, the home, widths, the order of hosts."""
    text = answer.replace(str(stage.home), "~")
    text = re.sub(r"\b\d+(\.\d+){3}:\d+", "ADDRESS", text)
    text = re.sub(r"\b\d+\.\d+ s\b|\b0\.\d\d\b", "SECONDS", text)
    return sorted(re.sub(r"[ ─]+", " ", line).strip() for line in text.splitlines())


def shape(answer: str) -> list[Any]:
    """JSON, a document or one a line, without what differs from run to run."""
    try:
        return [blurred(json.loads(answer))]
    except json.JSONDecodeError:
        return [blurred(json.loads(line)) for line in answer.splitlines()]


def blurred(value: Any) -> Any:
    match value:
        case dict():
            hosts = value.get("hosts")
            if isinstance(hosts, list) and hosts and isinstance(hosts[0], dict):
                value = value | {"hosts": sorted(hosts, key=lambda host: str(host["host"]))}
            return {
                key: "…" if key in {"id", "run"} and isinstance(one, str) else blurred(one)
                for key, one in value.items()
            }
        case list():
            return [blurred(one) for one in value]
        case float():
            return "SECONDS"
        case str():
            return re.sub(r"\b\d+(\.\d+){3}:\d+", "ADDRESS", value)
        case _:
            return value
