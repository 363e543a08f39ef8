"""Connections that are cut and runs that are called off: no half file, the sound host done, --resume completes it."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.beside import BAD, SOUND, Beside, Fate
from tests.support.broken import cutting_relay
from tests.support.fleetctl import Ran, own_mistakes
from tests.support.sftp.behaviour import Behaviour
from tests.support.sftp.bends import hangs_up
from tests.support.sftp_servers import SftpServer, serve
from tests.support.trees import age, names, parts, plant, texts

MIB = 1024 * 1024
SIZE = 12 * MIB
LARGE = os.urandom(MIB) * 12
SMALL = {f"t/{number:02}": os.urandom(20_000) for number in range(60)}
BOTH = pytest.mark.parametrize("command", ["put", "get"])
FRACTIONS = pytest.mark.parametrize("fraction", [0.1, 0.5, 0.99])


def source(beside: Beside, command: str, files: dict[str, bytes]) -> tuple[str | Path, str | Path]:
    """Plant files where they come from. Returns: the words that move the first of their names."""
    name = next(iter(files)).partition("/")[0]
    if command == "put":
        plant(beside.here, files)
        age(beside.here / name)
        return beside.here / name, beside.where
    beside.plant(dict(files))
    age(beside.far / name)
    age(beside.there / name)
    return f"{beside.where}/{name}", beside.here


def target(beside: Beside, command: str) -> Path:
    return beside.there if command == "put" else beside.here / BAD


def later(beside: Beside) -> None:
    """Make what was left so old that nobody can be writing to it any more."""
    for top in (beside.far, beside.there, beside.here):
        for part in parts(top):
            age(top / part, int(time.time()) - 600)


def cut_off(fate: Fate) -> bool:
    return (fate.status, fate.code) == ("unreachable", "connection-lost")


@BOTH
@FRACTIONS
def test_a_large_file_is_completed_after_a_cut(beside: Beside, command: str, fraction: float) -> None:
    words = source(beside, command, {"big": LARGE})
    with serve(beside.root, Behaviour(before=(hangs_up(moved=int(SIZE * fraction)),))) as server:
        assert cut_off(beside(server, command, *words))
        (part,) = names(target(beside, command))
        assert re.fullmatch(rf"\.big\.{SIZE}-1500000000\.[0-9a-f]{{8}}\.part", part)
        server.behaviour = Behaviour()
        later(beside)
        again = beside(server, command, "--resume", *words)
    assert again.status == "ok"
    assert names(target(beside, command)) == ["big"]
    assert (target(beside, command) / "big").read_bytes() == LARGE
    moved = again.host["totals"]["bytes"]
    assert moved == SIZE if fraction < 0.6 else moved < SIZE


@BOTH
@FRACTIONS
def test_a_tree_is_completed_after_a_cut(beside: Beside, command: str, fraction: float) -> None:
    words = source(beside, command, SMALL)
    size = sum(map(len, SMALL.values()))
    with serve(beside.root, Behaviour(before=(hangs_up(moved=int(size * fraction)),))) as server:
        assert cut_off(beside(server, command, "-r", "--via", "sftp", *words))
        server.behaviour = Behaviour()
        later(beside)
        assert beside(server, command, "-r", "--resume", *words).status == "ok"
    found = {name: (target(beside, command) / name).read_bytes() for name in SMALL}
    assert found == SMALL
    assert len(names(target(beside, command))) == len(SMALL) + 1


@contextmanager
def behind_a_relay(server: SftpServer, command: str, size: int) -> Iterator[SftpServer]:
    """The same server, whose connection is cut after so many bytes of the direction that the files take."""
    up, down = (size, 1 << 62) if command == "put" else (1 << 62, size)
    with cutting_relay(("127.0.0.1", server.port), down, sent=up) as port:
        yield replace(server, port=port)


@BOTH
@FRACTIONS
def test_a_stream_of_many_files_that_is_cut_leaves_whole_ones_only(
    beside: Beside, command: str, fraction: float
) -> None:
    words = source(beside, command, SMALL)
    size = sum(map(len, SMALL.values()))
    with serve(beside.root) as server:
        with behind_a_relay(server, command, int(size * fraction)) as cut:
            assert cut_off(beside(cut, command, "-r", "--via", "tar", *words))
            assert server.commands
        again = beside(server, command, "-r", "--via", "tar", *words)
    assert again.status == "ok", again.host
    assert {name: (target(beside, command) / name).read_bytes() for name in SMALL} == SMALL


# Called off


@BOTH
def test_ctrl_c_leaves_a_part_to_go_on_from(beside: Beside, command: str) -> None:
    words = source(beside, command, {"big": LARGE})
    with serve(beside.root) as server:
        ran = interrupted(beside, server, command, "--limit", "6MB/s", *words)
        for top in (target(beside, command), beside.far if command == "put" else beside.here / SOUND):
            assert names(top) == parts(top)
            assert len(parts(top)) == 1
        later(beside)
        assert beside(server, command, "--resume", *words).status == "ok"
    assert "interrupted" in ran.stderr
    assert (target(beside, command) / "big").read_bytes() == LARGE
    assert names(target(beside, command)) == ["big"]


@BOTH
def test_ctrl_c_in_a_stream_leaves_no_half_tree(beside: Beside, command: str) -> None:
    words = source(beside, command, SMALL)
    with serve(beside.root) as server:
        beside.inventory({BAD: server})
        before = beside.look()
        interrupted(beside, server, command, "-r", "--via", "tar", "--limit", "300kB/s", *words)
        beside.judge(before, put=command == "put")
        assert beside(server, command, "-r", "--via", "tar", *words).status == "ok"
    assert {name: (target(beside, command) / name).read_bytes() for name in SMALL} == SMALL


def interrupted(beside: Beside, server: SftpServer, command: str, *words: str | Path) -> Ran:
    """Ctrl-C once bytes have moved on both hosts, and what is then told of them."""
    inventory = beside.inventory({BAD: server})
    with beside.fleetctl.start(command, "-o", "ndjson", "-i", inventory, *words) as running:
        for host in (SOUND, BAD):
            running.wait_for_match(rf'"host":"{host}","bytes":[1-9]')
        running.signal(signal.SIGINT)
        ran = running.finish()
    assert ran.exit_code == 130
    assert own_mistakes(ran.stdout + ran.stderr) == []
    ends = {event["host"]: event["outcome"]["status"] for event in ran.events if event["type"] == "host_finished"}
    assert ends == {SOUND: "cancelled", BAD: "cancelled"}
    return ran


@BOTH
def test_ctrl_c_on_a_terminal_leaves_a_clean_screen(beside: Beside, command: str) -> None:
    words = source(beside, command, {"big": LARGE})
    with serve(beside.root) as server:
        inventory = beside.inventory({BAD: server})
        with beside.fleetctl.on_terminal(command, "--limit", "3MB/s", "-i", inventory, *words) as running:
            running.wait_for(" of 24.0 MiB")
            running.type("\x03")
            running.wait_for("Ctrl-C again")
            running.type("\x03")
            ran = running.finish()
    assert ran.exit_code == 130
    assert "2 cancelled" in ran.stdout
    assert own_mistakes(ran.stdout) == []


@BOTH
def test_time_that_is_over_leaves_a_part_as_well(beside: Beside, command: str) -> None:
    words = source(beside, command, {"big": LARGE})
    with serve(beside.root) as server:
        inventory = server.inventory(beside.directory, BAD)
        slow = ("--timeout", "1", "--limit", "2MB/s", "-o", "json", "-i", inventory)
        ran = beside.fleetctl(command, *slow, *words)
        assert ran.json["hosts"][0]["status"] == "timeout"
        assert names(target(beside, command)) == parts(target(beside, command)) != []
        later(beside)
        assert beside(server, command, "--resume", *words).status == "ok"
    assert (target(beside, command) / "big").read_bytes() == LARGE


# A server that goes away for good at any request of a transfer


@BOTH
def test_no_half_file_whichever_request_is_the_last(beside: Beside, command: str) -> None:
    """A tree over an older one, without any tar, so that each request has its turn to be the last."""
    files = {"t/x": "new", "t/sub/y": "new too"}
    beside.plant(files if command == "get" else {"t/x": "old"}, *(host for host, _ in each_request()))
    plant(beside.here, files if command == "put" else {})
    for host, _ in each_request():
        plant(beside.here / host, {"t/x": "old"} if command == "get" else {})
    words = (beside.here / "t", beside.where) if command == "put" else (f"{beside.where}/t", beside.here)
    with ExitStack() as stack:
        servers = {host: stack.enter_context(serve(beside.root_of(host), bad)) for host, bad in each_request()}
        fates = beside.all(servers, command, "-r", "--via", "sftp", *words)
    for host in servers:
        assert fates[host].status in {"ok", "unreachable"}
        top = beside.root_of(host) / beside.where if command == "put" else beside.here / host
        whole = {name: text for name, text in texts(top).items() if not name.endswith(".part")}
        assert whole.items() <= (files | {"t/x": whole["t/x"]}).items()
        assert whole["t/x"] in {"old", "new"}
    assert {fate.status for fate in fates.values()} == {"ok", "unreachable"}


def each_request() -> list[tuple[str, Behaviour]]:
    return [(f"ends-{nth:02}", Behaviour(before=(hangs_up(nth=nth),))) for nth in range(1, 33, 2)]
