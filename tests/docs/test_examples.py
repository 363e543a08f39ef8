"""Every command that README and docs show is run, and answers what they say it answers.

They are typed on a fleet of the lab whose hosts go by the names of the documents. `make test` is the one that is
not run in earnest: it is what runs this.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleetctl.lab import Fault, Lab
from tests.support.documents import ON_A_FLEET, ROOT, check, environment, needs_real_servers, plant, shown, type_command
from tests.support.markdown import Example

CASES = ROOT / "tests" / "cases"
WEB = [f"web{number:02}" for number in range(1, 7)]
DB = [f"db{number:02}" for number in range(1, 5)]
DEAD = "db03"

ON_THE_LAB = [one for one in shown(ON_A_FLEET) if not needs_real_servers(one.values[1])]
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
        host, port = self.lab.host("lab01")
        typed = command.replace("root@10.0.0.5:2222", f"{self.lab.user}@{host}:{port}") if "run" in command else command
        if typed.startswith("fleetctl inventory show"):
            typed += " -F none"  # what this machine's ssh_config says of all hosts is no part of the document
        return type_command(typed, directory, environment(self.home))


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


@pytest.mark.parametrize(("document", "example"), ON_THE_LAB)
def test_what_is_shown_of_a_fleet_works(stage: Stage, document: str, example: Example) -> None:
    if example.command.startswith("make"):
        done = stage.type(example.command.replace("make test", "make -n test"), ROOT)
        assert done.returncode == 0, done.stdout
    else:
        stage.set_up()
        compare(stage, stage.type(example.command, stage.fleet), example)


@pytest.mark.parametrize(("document", "example"), shown(ON_THE_EXAMPLE))
def test_what_is_shown_of_inventories_and_targets_works(stage: Stage, document: str, example: Example) -> None:
    directory = stage.fleet if example.command.startswith(CONNECTING) else stage.example
    compare(stage, stage.type(example.command, directory), example)


def compare(stage: Stage, done: subprocess.CompletedProcess[str], example: Example) -> None:
    check(done.stdout, done.returncode, example, EXIT_CODES.get(example.command, 0), {str(stage.home): "~"})
