"""How the command line is used, and what it says when it is used wrongly."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import typer

from fleetctl import __version__
from fleetctl.cli.app import app
from tests.support.fleetctl import Fleetctl

COMMANDS = [
    [], ["run"], ["put"], ["get"], ["ping"], ["rerun"], ["ssh"], ["doctor"], ["trust"], ["hosts"], ["demo"],
    ["inventory"], ["inventory", "check"], ["inventory", "show"], ["inventory", "schema"],
    ["lab"], ["completion"], ["lab", "up"], ["lab", "status"], ["lab", "down"],
    ["history"], ["show"], ["compare"], ["report"], ["job"], ["job", "run"], ["job", "plan"],
]  # fmt: skip


def test_the_version_is_told(fleetctl: Fleetctl) -> None:
    ran = fleetctl("--version")
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, f"fleetctl {__version__}\n", "")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(fleetctl: Fleetctl, command: list[str]) -> None:
    for option in ("--help", "-h"):
        ran = fleetctl(*command, option)
        assert ran.exit_code == 0
        assert "Usage: fleetctl" in ran.stdout


COSTLY = {"paramiko", "asyncssh", "jinja2", "sqlite3", "typer", "rich"}


@pytest.mark.parametrize(
    ("arguments", "loaded"),
    [
        (["--version"], set()),
        (["--help"], {"typer", "rich"}),  # typer draws its help with rich
        (["run", "--help"], {"typer", "rich"}),
        (["script", "--help"], {"typer", "rich"}),
        (["put", "--help"], {"typer", "rich"}),
        (["rerun", "--help"], {"typer", "rich"}),
        (["job", "run", "--help"], {"typer", "rich"}),
        (["ssh", "--help"], {"typer", "rich"}),
        (["doctor", "--help"], {"typer", "rich"}),
        (["hosts", "-H", "web01"], {"typer"}),
        (["history", "--text", "no run has such words"], {"typer", "sqlite3"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_does_not_connect_loads_only_what_it_shows_itself_with(arguments: list[str], loaded: set[str]) -> None:
    code = (
        "import sys, os; sys.argv = ['fleetctl', *sys.argv[1:]]\n"
        "os._exit = lambda code: print(*sorted(sys.modules), file=sys.stderr)\n"
        "from fleetctl.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60, check=True
    )
    modules = set(done.stderr.split())
    assert "fleetctl.cli" in modules
    assert modules & COSTLY == loaded


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rnu", "df"], "No such command"),
        (["run", "--no-such-option", "df"], "No such option"),
        (["run"], "Missing argument"),
        (["run", "-f", "0", "df"], "0 is not in the range"),
        (["run", "-f", "many", "df"], "not a valid"),
        (["run", "--timeout", "soon", "df"], "is no span of time"),
        (["run", "--timeout", "0", "df"], "is no span of time"),
        (["run", "--retries", "-1", "df"], "-1 is not in the range"),
        (["run", "--port", "65536", "df"], "65536 is not in the range"),
        (["run", "-o", "xml", "df"], "'xml' is not one of"),
        (["run", "-b", "-o", "table", "-H", "web01", "df"], "-b means --output fold"),
        (["run", "-e", "NOVALUE", "-H", "web01", "df"], "is not NAME=VALUE"),
        (["run", "--host-key-policy", "never", "df"], "'never' is not one of"),
        (["run", "--stdin", "/nowhere", "-H", "web01", "df"], "cannot read /nowhere"),
        (["run", "-H", "a b", "df"], "is no host"),
        (["ping", "-H", "a:1", "-H", "a:2"], "names a twice"),
        (["put", "-H", "web01", "alone"], "a source and a destination are needed"),
        (["put", "-H", "web01", "no-such-file", "there"], "there is no no-such-file"),
        (["put", "-H", "web01", "", "there"], "an empty name is none"),
        (["put", "-H", "web01", "--mode", "rw", "a", "b"], "are no permissions"),
        (["put", "-H", "web01", "--limit", "fast", "a", "b"], "is no amount of bytes"),
        (["put", "-H", "web01", "--via", "scp", "a", "b"], "'scp' is not one of"),
        (["get", "-H", "web01", "alone"], "a source and a destination are needed"),
        (["get", "-H", "web01", "--links", "all", "a", "b"], "'all' is not one of"),
        (["get", "-H", "web01", "--as", "{file}", "a", "b"], "--as knows {host} and {name}, and not {file}"),
        (["get", "-H", "web01", "--as", "../{host}", "a", "b"], "--as names a place in LOCAL"),
        (["get", "-H", "a", "-H", "b", "--as", "{name}", "x", "there"], "would both become x"),
        (["hosts", "-i", "/nowhere.yaml"], "cannot be read"),
        (["history", "--since", "soon"], "'soon' is no point in time: write 2d"),
        (["report"], "Missing option '--html'"),
        (["lab", "up", "--hosts", "0"], "0 is not in the range"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_use_is_told_and_contacts_nobody(fleetctl: Fleetctl, arguments: list[str], said: str) -> None:
    ran = fleetctl(*arguments)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert said in " ".join(ran.stderr.replace("│", " ").split())


@pytest.mark.parametrize(
    "arguments",
    [["run", "-t", "", "df"], ["run", "-t", " ", "df"], ["run", "-x", "", "df"], ["hosts", ""], ["trust", "-t", ""]],
    ids=" ".join,
)
def test_an_empty_target_is_not_the_whole_fleet(fleetctl: Fleetctl, arguments: list[str]) -> None:
    """What an unset variable makes of `-t "$TARGET"`."""
    (fleetctl.home / "inventory.yaml").write_text("hosts: web[01-20]\n")
    ran = fleetctl(*arguments)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "empty target" in ran.stderr


@pytest.mark.parametrize(
    "option", ["--batch", "--max-failures", "--pause", "--check", "--until", "--until-output", "--lock"]
)
def test_an_empty_word_does_not_mean_that_a_guard_is_not_wanted(option: str) -> None:
    """As above: an unset variable in `--check "$HEALTH"` must not let a rollout go on without its check."""
    command: Any = typer.main.get_command(app(["run"]))
    with pytest.raises(typer.BadParameter) as refusal:
        command.commands["run"].make_context("run", [option, "", "true"])
    assert refusal.value.format_message().startswith(f"Invalid value for '{option}'")


def test_a_file_cannot_be_the_directory_for_results(fleetctl: Fleetctl) -> None:
    (fleetctl.home / "results").write_text("")
    ran = fleetctl("run", "-H", "web01", "--save", "results", "df")
    assert ran.exit_code == 2
    assert "cannot write to results" in ran.stderr


def test_a_diff_is_a_folded_view(fleetctl: Fleetctl) -> None:
    shown = fleetctl("run", "--dry-run", "-H", "a", "-H", "b", "--diff", "df").stdout
    assert "--- a\n+++ b\n" in shown
    ran = fleetctl("run", "--dry-run", "-H", "a", "--diff", "-o", "json", "df")
    assert ran.exit_code == 2
    assert "--diff means" in ran.stderr
