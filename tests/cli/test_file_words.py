"""What put and get tell of their words before a host is asked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fleetctl.errors import UsageError
from fleetctl.transfer.getting import Origin
from fleetctl.transfer.places_here import check_directory, check_distinct
from tests.support.fleetctl import Fleetctl, Ran
from tests.support.trees import plant

HOSTS = ("-H", "web01", "-H", "web02")


@pytest.fixture
def typed(fleetctl: Fleetctl, tmp_path: Path) -> Typed:
    plant(tmp_path / "here", {"app.conf": "", "site/x": "", "conf/web02/x": "", "y/app.conf": ""})
    return Typed(fleetctl, tmp_path / "here")


class Typed:
    def __init__(self, fleetctl: Fleetctl, here: Path) -> None:
        self._fleetctl = fleetctl
        self.here = here

    def __call__(self, command: str) -> Ran:
        name, *words = command.split()
        ran = self._fleetctl(name, *HOSTS, *words, cwd=self.here)
        assert (ran.exit_code, ran.stdout) == (2, "")
        return ran


@pytest.mark.parametrize(
    ("command", "said", "hint"),
    [
        ("put --exclude web02 app.conf /etc", "--exclude is for directories", "-x leaves out hosts"),
        ("put --include web02 app.conf /etc", "--include is for directories", "-t says which hosts"),
        ("put -r --exclude @db site /etc", "--exclude is for files", "-x leaves out hosts"),
        ("get -r --include @db /etc out", "--include is for files", "-t takes hosts"),
        ("get --exclude web02 a out", "--exclude is for directories", "-x leaves out hosts"),
        ("put app.conf web02:/etc/x", "hosts are named by -t", "fleetctl put -t web02 app.conf /etc/x"),
        ("put app.conf web02:", "hosts are named by -t", "fleetctl put -t web02 app.conf ."),
        ("put app.conf me@web02:x", "hosts are named by -t", "fleetctl put -t web02 -u me app.conf x"),
        ("put app.conf me@db07:x", "hosts are named by -t", "fleetctl put -H me@db07 app.conf x"),
        ("get web01:/a /b out", "web01:/a: hosts are named by -t", "fleetctl get -t web01 /a /b out"),
        ("get a app.conf", "app.conf is no directory", "--as '{host}-{name}' names files otherwise"),
        ("get a app.conf/deeper/still", "app.conf is no directory", "LOCAL is a directory, with one for each host"),
        ("get a -", "- is no directory", "fleetctl run cat"),
        ("put --per-host conf app/", "conf has no directory for web01", "→ -x web01\n"),
        ("put --per-host site app/", "site has no directory for web[01-02]", "a directory for each host"),
        ("put --per-host conf/web02 app/", "", "LOCAL is what holds the directories: conf\n"),
        ("put --per-host conf/* app/", "", "LOCAL is what holds the directories: conf\n"),
        ("put --per-host --delete conf app/", "--delete does not go with --per-host", "deletes in DIR"),
        ("get --as {name} a out", "would both become a", "begin --as with {host}/"),
        ("get a x/a out", "would both become web01/a", "one run each, or another --as"),
        ("get --as {name} *.log out", "could get the same name", "begin --as with {host}/"),
        ("get -r --as all d/ out", "could get the same name", "begin --as with {host}/"),
        ("get -r --as {host}-{name} d/ out", "what is in d/ has names of its own", "'{host}.d'"),
        ("get -r --as {host}.d d/ f out", "would both become {host}.d", "one run each"),
        ("put app.conf y/app.conf there", "would both become app.conf", "one run each"),
    ],
)  # fmt: skip
def test_what_was_meant_is_told(typed: Typed, command: str, said: str, hint: str) -> None:
    ran = typed(command)
    assert said in ran.stderr
    assert hint in ran.stderr.partition("→")[1] + ran.stderr.partition("→")[2]


@pytest.mark.parametrize(("command", "value"), [("put", "999"), ("put", "10"), ("get", "0.5kB/s")])
@pytest.mark.parametrize("option", ["--limit", "--limit-per-host"])
def test_a_limit_without_its_unit_is_told(typed: Typed, command: str, option: str, value: str) -> None:
    said = typed(f"{command} {option} {value} app.conf out").stderr
    assert "write 10MB/s" in " ".join(said.replace("│", " ").split())


def test_get_makes_directories_without_being_asked(typed: Typed) -> None:
    assert "No such option" in typed("get --mkdir a out").stderr


def test_what_may_not_be_written_to_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shut = tmp_path / "shut"
    (shut / "web01").mkdir(parents=True)
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != shut)
    check_directory("shut", Origin(("a",), str(shut)), ["web01"])
    for hosts, template in ((["web01", "web02"], "{host}/{name}"), (["web01"], "{host}-{name}")):
        with pytest.raises(UsageError, match="shut cannot be written to"):
            check_directory("shut", Origin(("a",), str(shut), template), hosts)


@pytest.mark.parametrize("template", ["{host}/{name}", "{host}.d", "{host}/one", "all/{host}/{name}", "all/{host}"])
def test_contents_may_go_where_hosts_stay_apart(template: str) -> None:
    check_distinct(template, ["d/", "e/"], ["web01", "web02"])


@pytest.mark.parametrize(
    ("template", "directory", "rest"),
    [
        ("{host}/{name}", "g/web01", "{name}"),
        ("{host}.d", "g/web01.d", "{name}"),
        ("{host}/one", "g/web01/one", "{name}"),
        ("all", "g/all", "{name}"),
    ],
)
def test_the_contents_of_a_directory_go_into_what_as_names(template: str, directory: str, rest: str) -> None:
    there = Origin(("d/",), "g", template).on("web01")
    assert (there.directory, there.template) == (directory, rest)
