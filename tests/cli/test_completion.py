"""What Tab offers: hosts and groups of the inventory that the line names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fleetctl import SCRIPT, Fleetctl
from tests.support.running import Running, start_on_terminal


@pytest.fixture
def fleet(fleetctl: Fleetctl) -> Path:
    path = fleetctl.home / "inventory.yaml"
    path.write_text("groups: {web: {hosts: 'web[01-02]'}, prod: {groups: [web]}}\nhosts: [db01]\n")
    return path


def offered(fleetctl: Fleetctl, *words: str) -> list[str]:
    """What bash is told for a line whose last word is being typed."""
    environment = {
        "_FLEETCTL_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(["fleetctl", *words]),
        "COMP_CWORD": str(len(words)),
    }
    ran = fleetctl(env=environment)
    assert ran.stderr == ""
    return ran.stdout.split()


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("", ["web01", "web02", "db01", "@web", "@prod"]),
        ("w", ["web01", "web02"]),
        ("@", ["@web", "@prod"]),
        ("@prod!w", ["@prod!web01", "@prod!web02"]),
        ("db01,@p", ["db01,@prod"]),
        ("nothing", []),
    ],
)
def test_a_target_is_completed_behind_its_last_operator(
    fleetctl: Fleetctl, fleet: Path, typed: str, names: list[str]
) -> None:
    assert sorted(offered(fleetctl, "run", "-t", typed or "''")) == sorted(names)


def test_exclusions_and_arguments_are_completed_too(fleetctl: Fleetctl, fleet: Path) -> None:
    assert offered(fleetctl, "run", "-x", "d") == ["db01"]
    assert offered(fleetctl, "hosts", "d") == ["db01"]
    assert offered(fleetctl, "trust", "@w") == ["@web"]
    assert offered(fleetctl, "put", "app.conf", "app/", "-t", "@w") == ["@web"]
    assert offered(fleetctl, "get", "-x", "d") == ["db01"]
    assert offered(fleetctl, "inventory", "show", "d") == ["db01"]


def test_the_inventory_that_the_line_names_is_used(fleetctl: Fleetctl, fleet: Path, tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("hosts: [other]\n")
    assert offered(fleetctl, "run", "-i", str(tmp_path / "other.yaml"), "-t", "o") == ["other"]


def test_a_broken_inventory_offers_nothing_and_says_nothing(fleetctl: Fleetctl, fleet: Path) -> None:
    fleet.write_text("hosts: [")
    assert offered(fleetctl, "run", "-t", "w") == []
    fleet.unlink()
    assert offered(fleetctl, "run", "-t", "w") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_given_its_script(fleetctl: Fleetctl, shell: str) -> None:
    ran = fleetctl("completion", shell)
    assert ran.exit_code == 0
    assert "_FLEETCTL_COMPLETE" in ran.stdout


@pytest.fixture
def bash(fleetctl: Fleetctl, fleet: Path) -> Iterator[Running]:
    """An interactive bash that completes, with `fleetctl` in its PATH."""
    (fleetctl.home / "rc").write_text("PS1='> '\nsource <(fleetctl completion bash)\n")
    path = f"{SCRIPT.parent}:{os.environ['PATH']}"
    variables = fleetctl.environment({"TERM": "dumb", "PATH": path, "INPUTRC": os.devnull})
    running = start_on_terminal(["/bin/bash", "--rcfile", "rc", "-i"], variables, fleetctl.home, 100, 30)
    with running:
        running.wait_for("> ")
        yield running


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("echo; fleetctl hosts d", "db01 "),
        ("fleetctl hosts -t d", "db01 "),
        ("fleetctl hosts @pr", "@prod "),
        ("fleetctl run -t @pr", "@prod "),
        ("fleetctl run -t db01,@w", "db01,@web "),
        ("fleetctl run -t '@prod!@w", "'@prod!@web' "),
        ("fleetctl put inv", "inventory.yaml "),
        ("fleetctl put inventory.yaml there -t @pr", "@prod "),
    ],
)
def test_tab_completes_what_is_typed_in_bash(bash: Running, typed: str, completed: str) -> None:
    bash.type(f"{typed}\t")
    line = f"{typed.rpartition(' ')[0]} {completed}"
    bash.wait_for(line)
