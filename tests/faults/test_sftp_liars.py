"""Servers that lie about what they have: nothing leaves the directory, nothing goes on for ever, others are done."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from tests.support.beside import BAD, SOUND, Beside, Fate
from tests.support.memory import peak_of
from tests.support.sftp.behaviour import Behaviour
from tests.support.sftp.bends import endless_depth, endless_listing, fails, lists, on
from tests.support.sftp.wire import ATTRIBUTES, PERMISSION_DENIED, Named, framed, named
from tests.support.sftp_servers import serve
from tests.support.trees import names, parts, plant, texts

EVIL = b"evil\n"
ELSEWHERE = ["../evil", "../../evil", "/tmp/fleettest-evil", "a/b", "sub/../../evil", ".\0.", "evil\0", "", "./evil"]
DECEIVING = ["a\nb", "\x1b[31mred", "tab\there", "\x7f", "\x9b31m", "back\b\b\bspace"]
DEVICES = ["con", "NUL", "Com1", "lpt9", "aux"]
MOST_MEMORY = 300 * 1024 * 1024


def fetched(beside: Beside, behaviour: Behaviour, *words: str | Path) -> Fate:
    """`get` with a good file `t/good` on both hosts."""
    beside.plant({"t/good": "good"})
    with serve(beside.root, behaviour) as server:
        fate = beside(server, "get", *(words or ("-r", f"{beside.where}/t", beside.here)))
    assert not Path("/tmp/fleettest-evil").exists()
    assert texts(beside.here / SOUND).get("t/good", "good") == "good"
    return fate


def listing(*names_listed: str, kind: int = stat.S_IFREG) -> Behaviour:
    return Behaviour(names=lists(*(named(name, kind, len(EVIL)) for name in names_listed)), bait=EVIL)


@pytest.mark.parametrize("kind", [stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK])
def test_names_that_lead_elsewhere_or_deceive_are_refused(beside: Beside, kind: int) -> None:
    refused = [*ELSEWHERE, *DECEIVING, *DEVICES]
    fate = fetched(beside, listing(*refused, kind=kind))
    errors = [each["error"]["code"] for each in fate.host["transfers"] if each["action"] == "failed"]
    assert (fate.status, fate.code, errors) == ("failed", "name-refused", ["name-refused"] * len(refused))
    assert names(beside.here / BAD) == ["t", "t/good"]
    assert fate.message.isprintable()
    assert fate.host["stderr"].replace("\n", "").isprintable()


@pytest.mark.parametrize("name", ["..", "../evil", "evil\0"])
def test_a_single_such_name_is_told_as_it_is(beside: Beside, name: str) -> None:
    fate = fetched(beside, listing(f"x/{name}"))
    assert fate.message == f"the server lists a name that leads elsewhere: {f'x/{name}'!r}"


@pytest.mark.parametrize("pattern", ["**", "t/*"])
@pytest.mark.parametrize("name", ["x/../../evil", "evil\0", "\x1b[2J"])
def test_patterns_match_no_such_names(beside: Beside, name: str, pattern: str) -> None:
    fate = fetched(beside, listing(name), "-r", f"{beside.where}/{pattern}", beside.here)
    assert (fate.status, fate.code) == ("failed", "name-refused")
    assert set(names(beside.here / BAD)) <= {"t", "t/good", "good"}


def test_itself_and_what_is_above_are_left_out(beside: Beside) -> None:
    fate = fetched(beside, Behaviour(names=lists(*(named(name, stat.S_IFDIR) for name in (".", "..")))))
    assert fate.status == "ok"
    assert names(beside.here / BAD) == ["t", "t/good"]


def test_what_is_no_file_is_skipped(beside: Beside) -> None:
    kinds = [stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK, 0]
    fate = fetched(beside, Behaviour(names=lists(*(named(f"odd-{kind}", kind) for kind in kinds)), bait=EVIL))
    assert (fate.status, [fate.actions[f"odd-{kind}"] for kind in kinds]) == ("ok", ["skipped"] * len(kinds))
    assert texts(beside.here / BAD) == {"t/good": "good"}


def test_what_is_named_and_no_file_is_an_error(beside: Beside) -> None:
    plant(beside.far, {"pipe": "no pipe there"})
    os.mkfifo(beside.there / "pipe")
    fate = fetched(beside, Behaviour(), f"{beside.where}/pipe", beside.here)
    assert (fate.status, fate.code) == ("failed", "wrong-kind")


def test_a_pipe_that_is_listed_as_a_file_blocks_nobody(beside: Beside) -> None:
    """It says so, is opened, and gives nothing: the test server reads it as what it is."""
    fate = fetched(beside, Behaviour(names=lists(named("pipe", size=9)), before=(fails("open", path="pipe"),)))
    assert (fate.status, fate.actions["pipe"]) == ("failed", "failed")
    assert texts(beside.here / BAD) == {"t/good": "good"}


@pytest.mark.parametrize("twin", [stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK])
def test_two_of_one_name_do_no_harm(beside: Beside, twin: int) -> None:
    """A link out of the directory, and a directory in whose place it stands, for example."""
    plant(beside.there, {"t/twin/evil": "whole", "t/linked": "-> twin"})
    fate = fetched(beside, Behaviour(names=lists(named("twin", twin, 5))))
    assert fate.status == "failed"
    assert fate.message
    assert parts(beside.here) == []


def test_a_link_that_leads_out_of_the_tree_is_not_taken(beside: Beside) -> None:
    targets = ["../../../evil", "/etc/passwd", "sub/../../../evil", "..", "x/../../t/good"]
    plant(beside.there, {f"t/link-{number}": f"-> {target}" for number, target in enumerate(targets)})
    for links in ("copy", "follow"):
        fate = fetched(beside, Behaviour(), "-r", "--links", links, f"{beside.where}/t", beside.here)
        assert fate.status == "ok"
        assert [fate.actions[f"link-{number}"] for number in range(len(targets))] == ["skipped"] * len(targets)
        assert names(beside.here / BAD) == ["t", "t/good"]


@pytest.mark.parametrize("target", [".", "..", "../t", "loop", "other"])
def test_loops_of_links_end(beside: Beside, target: str) -> None:
    plant(beside.there, {"t/loop": f"-> {target}", "t/other": "-> loop"})
    fate = fetched(beside, Behaviour(), "-r", "--links", "follow", f"{beside.where}/t", beside.here)
    assert (fate.status, fate.actions["loop"], fate.actions["other"]) == ("ok", "skipped", "skipped")
    assert names(beside.here / BAD) == ["t", "t/good"]


@pytest.mark.parametrize("kind", ["stat", "realpath", "readlink"])
def test_a_link_that_cannot_be_looked_at_costs_itself_only(beside: Beside, kind: str) -> None:
    plant(beside.there, {"t/link": "-> good"})
    links = "copy" if kind == "readlink" else "follow"
    behaviour = Behaviour(before=(fails(kind, PERMISSION_DENIED, path="link"),))
    fate = fetched(beside, behaviour, "-r", "--links", links, f"{beside.where}/t", beside.here)
    assert (fate.status, fate.code, fate.actions) == ("failed", "access-denied", fate.actions | {"link": "failed"})
    assert texts(beside.here / BAD) == {"t/good": "good"}


@pytest.mark.parametrize("source", ["t", "t/**/good"])
@pytest.mark.parametrize("links", ["copy", "follow"])
def test_a_directory_in_itself_for_ever_is_given_up(beside: Beside, source: str, links: str) -> None:
    fate = fetched(beside, endless_depth(), "-r", "--links", links, f"{beside.where}/{source}", beside.here)
    assert (fate.status, fate.code) == ("failed", "too-much")
    assert not (beside.here / BAD).exists()


def test_deleting_does_not_go_down_for_ever(beside: Beside) -> None:
    """What is there is deleted at most: the server says it is in the directory that is to go."""
    plant(beside.here, {"t/new": "new"})
    beside.plant({"t/old": "old"})
    with serve(beside.root, endless_depth()) as server:
        fate = beside(server, "put", "-y", "-r", "--delete", beside.here / "t", beside.where)
    assert fate.status == "failed"
    assert fate.actions["new"] == "sent"


def test_a_directory_without_end_is_given_up_and_costs_no_memory_without_bounds(beside: Beside) -> None:
    beside.plant({"t/good": "good"})
    with serve(beside.root, Behaviour(names=endless_listing)) as server:
        words = ("get", "-r", "-o", "json", "-i", beside.inventory({BAD: server}), f"{beside.where}/t", beside.here)
        command = beside.fleetctl.command(words)
        exit_code, memory, stdout = peak_of(command, beside.fleetctl.environment(None))
    hosts = {host["host"]: host for host in json.loads(stdout)["hosts"]}
    assert exit_code == 1
    assert (hosts[SOUND]["status"], hosts[BAD]["status"], hosts[BAD]["error"]["code"]) == ("ok", "failed", "too-much")
    assert names(beside.here) == [SOUND, f"{SOUND}/t", f"{SOUND}/t/good"]
    assert memory < MOST_MEMORY


def test_names_without_end_beside_what_is_sent_do_not_matter(beside: Beside) -> None:
    plant(beside.here, {"new": "new"})
    with serve(beside.root, Behaviour(names=endless_listing)) as server:
        fate = beside(server, "put", beside.here / "new", beside.where)
    assert fate.status == "ok"
    assert texts(beside.there) == {"new": "new"}


def test_a_listing_that_says_nothing_of_its_files_is_no_reason_to_guess(beside: Beside) -> None:
    nothing = Named(b"unknown", type(named("").attributes)())
    fate = fetched(beside, Behaviour(names=lists(nothing)))
    assert fate.actions["unknown"] == "skipped"


def test_a_size_without_measure_is_found_out(beside: Beside) -> None:
    huge = named("huge", size=1 << 63)

    def insists(answer: bytes) -> bytes:
        return framed(ATTRIBUTES, answer[5:9] + huge.attributes.packed())

    behaviour = Behaviour(names=lists(huge), bait=EVIL, bends=(on("fstat", insists),))
    fate = fetched(beside, behaviour, "-r", "--exclude", "good", f"{beside.where}/t", beside.here)
    assert (fate.status, fate.code) == ("failed", "source-changed")
    assert names(beside.here / BAD) == ["t"]
