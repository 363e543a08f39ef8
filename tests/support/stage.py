"""The stage that documents play on: a fleet of the lab whose hosts go by the names of the documents."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fleetctl.lab import Fault, Lab
from tests.support.documents import ROOT, environment, named_files, plant, type_command

CASES = ROOT / "tests" / "cases"
WEB = [f"web{number:02}" for number in range(1, 7)]
DB = [f"db{number:02}" for number in range(1, 5)]
DEAD = "db03"
OURS = {
    "app.conf": "port = 8080\n",
    "app.tar": "not much of a large file\n",
    "greet.sh": '#!/bin/sh\necho "hello, $1"\n',
    "site/index.html": "<p>hi</p>\n",
    "site/css/main.css": "body {}\n",
}
"""What put sends, and script runs, in the documents."""


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
            elif left.name != "inventory.yaml":
                left.unlink()
        plant(self.fleet, OURS | named_files("README.md"))
        plant(self.fleet, {f"conf/{name}/app.conf": f"name = {name}\n" for name in self.host_homes})
        for name, home in self.host_homes.items():
            for directory in ("app", "www"):
                shutil.rmtree(home / directory, ignore_errors=True)
            plant(home, {"app/VERSION": "2.4.0\n" if name == "web03" else "2.4.1\n"})

    def forget(self) -> None:
        """Begin with no history and no settings."""
        for directory in (".local", ".config"):
            shutil.rmtree(self.home / directory, ignore_errors=True)

    def type(self, command: str, directory: Path) -> subprocess.CompletedProcess[str]:
        host, port = self.lab.host("lab01")
        typed = command.replace("root@10.0.0.5:2222", f"{self.lab.user}@{host}:{port}") if "run" in command else command
        if typed.startswith("fleetctl inventory show"):
            typed += " -F none"  # what this machine's ssh_config says of all hosts is no part of the document
        return type_command(typed, directory, environment(self.home))


@contextmanager
def raised(place: Path) -> Iterator[Stage]:
    """A stage in an empty directory, for as long as the block lasts."""
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
