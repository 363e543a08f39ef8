"""Servers that refuse, garble, or give no answer, and old ones that are right: each file whole or not there at all."""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack

import pytest

from fleetctl.cancel import Cancel
from fleetctl.errors import TimedOut
from fleetctl.model import Host, HostKeyPolicy, Login, Secret
from fleetctl.ssh.dial import Dialer
from fleetctl.ssh.stream import bulk
from tests.support.beside import BAD, SOUND, Beside, Fate
from tests.support.liars import PASSWORD
from tests.support.sftp.behaviour import Behaviour, ConnectionEnds
from tests.support.sftp.bends import (
    cut_short,
    fails,
    hangs_up,
    huge_length,
    more_than_asked,
    no_length,
    old,
    on,
    resizes,
    stops_answering,
    twice,
    unasked,
    unknown_type,
    vanishes,
    wrong_id,
)
from tests.support.sftp.wire import FAILURE, NO_SPACE, OPENSSH, PERMISSION_DENIED, Request, Status
from tests.support.sftp_servers import serve
from tests.support.trees import names, plant, texts

LARGE = os.urandom(700_000)
RENAME = "posix-rename@openssh.com"
LIMITS = "limits@openssh.com"
BOTH = pytest.mark.parametrize("command", ["put", "get"])


def moved(beside: Beside, command: str, behaviours: Mapping[str, Behaviour], *options: str) -> dict[str, Fate]:
    """A tree with a large file and a small one, in place of an older small one, on hosts that behave so."""
    tree: dict[str, str | bytes] = {"t/large": LARGE, "t/small": "small"}
    old_tree: dict[str, str | bytes] = {"t/small": "old"}
    beside.plant(old_tree if command == "put" else tree, *behaviours)
    plant(beside.here, tree if command == "put" else {})
    for host in behaviours if command == "get" else ():
        plant(beside.here / host, old_tree)
    words = (beside.here / "t", beside.where) if command == "put" else (f"{beside.where}/t", beside.here)
    with ExitStack() as stack:
        servers = {
            host: stack.enter_context(serve(beside.root_of(host), behaviour)) for host, behaviour in behaviours.items()
        }
        return beside.all(servers, command, "-r", *options, *words)


def arrived(beside: Beside, command: str, host: str) -> dict[str, bytes]:
    """What is under its final name where it was to go."""
    top = beside.root_of(host) / beside.where if command == "put" else beside.here / host
    return {name: (top / name).read_bytes() for name in names(top) if (top / name).is_file()}


WHOLE = {"t/large": LARGE, "t/small": b"small"}
OLD = {"t/small": b"old"}


# Old and odd, but right


@BOTH
def test_servers_of_all_ages_are_served(beside: Beside, command: str) -> None:
    behaviours = {
        "old": old(),
        "old-fails": old(too_long_fails=True),
        "no-extensions": Behaviour(extensions=()),
        "small-packets": Behaviour(largest_packet=34_000),
        "short-reads": Behaviour(largest_read=5000),
        "only-rename": Behaviour(extensions=(RENAME,)),
    }
    for host, fate in moved(beside, command, behaviours).items():
        assert fate.status == "ok", fate.host
        assert host == SOUND or arrived(beside, command, host) == WHOLE


@BOTH
@pytest.mark.parametrize(("limit", "largest"), [(0, 32_768), ((1 << 64) - 1, 255 * 1024), (20_000, 20_000)])
def test_limits_are_believed_within_reason(beside: Beside, command: str, limit: int, largest: int) -> None:
    told = on(LIMITS, lambda answer: answer[:9] + struct.pack(">QQQQ", limit, limit, limit, 0))
    assert largest_request(beside, command, Behaviour(bends=(told,))) == largest


@BOTH
def test_limits_that_are_refused_are_the_common_ones(beside: Beside, command: str) -> None:
    assert largest_request(beside, command, Behaviour(before=(fails(LIMITS),))) == 32_768


def largest_request(beside: Beside, command: str, behaviour: Behaviour) -> int:
    plant(beside.here, {"large": LARGE})
    beside.plant({"large": LARGE} if command == "get" else {})
    words = (beside.here / "large", beside.where) if command == "put" else (f"{beside.where}/large", beside.here)
    with serve(beside.root, behaviour) as server:
        assert beside(server, command, *words).status == "ok"
        assert arrived(beside, command, BAD) == {"large": LARGE}
        return max(request.length for request in server.asked("read", "write"))


@pytest.mark.parametrize("kinds", [("read",), ("open",)])
def test_requests_overlap_when_files_are_fetched(beside: Beside, kinds: tuple[str, ...]) -> None:
    tree: dict[str, str | bytes] = (
        {"large": LARGE * 5} if kinds == ("read",) else {f"{n:02}": str(n) for n in range(30)}
    )
    beside.plant({f"t/{name}": content for name, content in tree.items()})
    with serve(beside.root, Behaviour(gathers=8, gathered=kinds)) as server:
        fate = beside(server, "get", "-r", "--via", "sftp", f"{beside.where}/t", beside.here)
    assert fate.status == "ok"
    assert server.deepest >= 8
    assert len(names(beside.here / BAD / "t")) == len(tree)


@pytest.mark.parametrize(("kinds", "deep"), [(("write",), 4), (("open",), 8), ((RENAME,), 8)])
def test_requests_overlap_when_files_are_sent(beside: Beside, kinds: tuple[str, ...], deep: int) -> None:
    """Of the largest writes no more than a MiB is on its way to a server that is near."""
    tree: dict[str, str | bytes] = (
        {"large": LARGE * 5} if kinds == ("write",) else {f"{n:02}": str(n) for n in range(30)}
    )
    plant(beside.here, {f"t/{name}": content for name, content in tree.items()})
    with serve(beside.root, Behaviour(gathers=deep, gathered=kinds)) as server:
        fate = beside(server, "put", "-r", "--via", "sftp", beside.here / "t", beside.where)
    assert fate.status == "ok"
    assert server.deepest >= deep
    assert len(names(beside.there / "t")) == len(tree)


# Refusals


REFUSED_WRITES = {
    "full": ("write", NO_SPACE, "no-space", "no space left on device"),
    "failing": ("write", FAILURE, "server-failure", "Failure"),
    "read-only": ("write", PERMISSION_DENIED, "access-denied", "permission denied"),
    "no-new-files": ("open", PERMISSION_DENIED, "access-denied", "permission denied"),
    "full-at-the-end": ("close", FAILURE, "server-failure", "cannot finish"),
    "no-attributes": ("fsetstat", PERMISSION_DENIED, "access-denied", "attributes"),
    "no-renames": (RENAME, FAILURE, "server-failure", "in place"),
}


def test_what_the_server_refuses_to_write_is_not_there(beside: Beside) -> None:
    behaviours = {
        host: Behaviour(before=(fails(kind, status, path=".part"),))
        for host, (kind, status, _, _) in REFUSED_WRITES.items()
    }
    fates = moved(beside, "put", behaviours, "-p")
    for host, (_, _, code, says) in REFUSED_WRITES.items():
        assert (host, fates[host].status, fates[host].code) == (host, "failed", code)
        assert says in fates[host].message
        assert arrived(beside, "put", host) == OLD


@pytest.mark.parametrize("turn", [1, 2])
def test_what_cannot_be_replaced_stays_where_renames_replace_nothing(beside: Beside, turn: int) -> None:
    plant(beside.here, {"x": "new"})
    beside.plant({"x": "old"})
    with serve(beside.root, Behaviour(extensions=(), before=(_only("rename", turn),))) as server:
        fate = beside(server, "put", beside.here / "x", beside.where)
    assert fate.status == "failed"
    assert texts(beside.there) == {"x": "old"}


def _only(kind: str, turn: int) -> Callable[..., Status | None]:
    return lambda request: FAILURE if request.kind == kind and request.turn == turn else None


def test_a_directory_that_cannot_be_made_costs_what_is_in_it(beside: Beside) -> None:
    plant(beside.here, {"t/sub/x": "x", "t/y": "y"})
    beside.plant({"t/": ""})
    with serve(beside.root, Behaviour(before=(fails("mkdir", PERMISSION_DENIED, path="sub"),))) as server:
        fate = beside(server, "put", "-r", beside.here / "t", beside.where)
    assert (fate.status, fate.code) == ("failed", "access-denied")
    assert texts(beside.there) == {"t/y": "y"}


def test_what_the_server_refuses_to_tell_is_not_here(beside: Beside) -> None:
    whole = ("stat", "opendir")
    behaviours = {
        kind: Behaviour(before=(fails(kind, PERMISSION_DENIED, path="" if kind in whole else "large"),))
        for kind in ("open", "read", "fstat", *whole)
    }
    fates = moved(beside, "get", behaviours)
    for host in behaviours:
        assert (host, fates[host].status, fates[host].code) == (host, "failed", "access-denied")
        assert arrived(beside, "get", host) == {"t/small": b"old" if host in whole else b"small"}


# Files that change while they are read


def test_a_file_that_grows_is_fetched_as_it_was(beside: Beside) -> None:
    beside.plant({"log": LARGE})
    with serve(beside.root, Behaviour(before=(resizes(beside.there / "log", 900_000),))) as server:
        fate = beside(server, "get", f"{beside.where}/log", beside.here, changes=[beside.there / "log"])
    assert fate.status == "ok"
    assert (beside.here / BAD / "log").read_bytes() == LARGE


@pytest.mark.parametrize("beyond", [0, 500_000])
def test_a_file_that_shrinks_is_told(beside: Beside, beyond: int) -> None:
    beside.plant({"log": LARGE})
    with serve(beside.root, Behaviour(before=(resizes(beside.there / "log", 1000, beyond=beyond),))) as server:
        fate = beside(server, "get", f"{beside.where}/log", beside.here, changes=[beside.there / "log"])
    assert (fate.status, fate.code) == ("failed", "source-changed")
    assert names(beside.here / BAD) == []


@pytest.mark.parametrize("beyond", [1, 500_000])
def test_a_file_that_vanishes_is_told(beside: Beside, beyond: int) -> None:
    beside.plant({"log": LARGE})
    with serve(beside.root, Behaviour(before=(vanishes(beyond),))) as server:
        fate = beside(server, "get", f"{beside.where}/log", beside.here)
    assert (fate.status, fate.code) == ("failed", "no-such-file")
    assert names(beside.here / BAD) == []


# Nonsense


BENDS = (wrong_id, unasked, twice, unknown_type, huge_length, no_length, cut_short, more_than_asked)


@BOTH
@pytest.mark.parametrize("kind", ["stat", "readdir", "open", "middle", "close"])
def test_nonsense_is_called_so(beside: Beside, command: str, kind: str) -> None:
    """Either it is noticed and all that is there is whole, or it did no harm."""
    bent = {"put": "write", "get": "read"}[command] if kind == "middle" else kind
    behaviours = {bend.__name__.replace("_", "-"): Behaviour(bends=(on(bent, bend),)) for bend in BENDS}
    for host, fate in moved(beside, command, behaviours).items():
        if fate.status == "ok":
            assert host == SOUND or arrived(beside, command, host) == WHOLE
            continue
        assert (host, fate.status, fate.code) == (host, "failed", "server-failure")
        assert "server" in fate.message


# Silence and ends


@BOTH
def test_a_server_that_stops_answering_is_given_up_in_time(beside: Beside, command: str) -> None:
    behaviours = {f"after-{after}": Behaviour(bends=(stops_answering(after),)) for after in (0, 3, 9)}
    never = threading.Event()

    def waits(request: Request) -> None:
        if request.kind in {"write", "read"} and not never.wait(4):
            raise ConnectionEnds

    fates = moved(beside, command, behaviours | {"takes-nothing": Behaviour(before=(waits,))}, "--timeout", "2")
    for host in fates.keys() - {SOUND}:
        assert (host, fates[host].status, fates[host].code) == (host, "timeout", "timed-out")
        assert "--timeout" in fates[host].hint


def test_silence_is_not_waited_out(beside: Beside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_SILENCE_SECONDS", 0.2)
    with serve(beside.root, Behaviour(bends=(stops_answering(0),))) as server, Cancel() as cancel:
        login = Login("anybody", password=Secret(PASSWORD))
        host = Host("liar", "127.0.0.1", login, server.port, host_key_policy=HostKeyPolicy.OFF)
        session = Dialer(login_timeout=20).dial(host, cancel)
        try:
            with pytest.raises(TimedOut, match="did not answer"), session.sftp(cancel):
                pass
        finally:
            session.close()


@BOTH
def test_an_sftp_server_that_dies_is_told(beside: Beside, command: str) -> None:
    middle = {"put": "write", "get": "read"}[command]
    kinds = ("stat", "opendir", "open", middle, "close")
    behaviours = {kind: Behaviour(before=(hangs_up(kind=kind, session_only=True),)) for kind in kinds}
    fates = moved(beside, command, behaviours)
    for host in kinds:
        assert (host, fates[host].status, fates[host].code) == (host, "failed", "server-failure")
        assert "ended the SFTP session" in fates[host].message
        assert fates[host].hint


# What is missing


@BOTH
def test_a_server_without_sftp_is_told_with_a_way_out(beside: Beside, command: str) -> None:
    behaviours = {"runs": Behaviour(sftp=False), "runs-nothing": Behaviour(sftp=False, runs=False)}
    fates = moved(beside, command, behaviours)
    for host in behaviours:
        assert (host, fates[host].status, fates[host].code) == (host, "failed", "no-sftp")
        assert "--via tar" in fates[host].hint
        assert arrived(beside, command, host) == OLD


@BOTH
def test_tar_does_it_without_sftp_where_there_is_one(beside: Beside, command: str) -> None:
    behaviours = {
        "tar": Behaviour(sftp=False),
        "greeting": Behaviour(sftp=False, greeting=b"Welcome\n"),
        "no-tar": Behaviour(sftp=False, lacks=("tar",)),
        "runs-nothing": Behaviour(sftp=False, runs=False),
    }
    fates = moved(beside, command, behaviours, "--via", "tar")
    assert (fates["tar"].status, arrived(beside, command, "tar")) == ("ok", WHOLE), fates["tar"].host
    for host in ("no-tar", "runs-nothing"):
        assert fates[host].status == "failed"
        assert arrived(beside, command, host) == OLD
    assert arrived(beside, command, "greeting") == (WHOLE if fates["greeting"].status == "ok" else OLD)


@BOTH
@pytest.mark.parametrize(
    "behaviour",
    [Behaviour(runs=False), Behaviour(lacks=("tar",)), Behaviour(chatter=b"Welcome\n" * 100)],
    ids=["no-exec", "no-tar", "talks-before-tar"],
)
def test_many_files_go_without_tar_where_there_is_none(beside: Beside, command: str, behaviour: Behaviour) -> None:
    files = {f"t/{number:02}": str(number) for number in range(40)}
    with serve(beside.root, behaviour) as server:
        if command == "put":
            plant(beside.here, files)
            fate = beside(server, "put", "-r", beside.here / "t", beside.where)
        else:
            beside.plant(files)
            fate = beside(server, "get", "-r", f"{beside.where}/t", beside.here)
    assert fate.status == "ok"
    assert arrived(beside, command, BAD) == {name: content.encode() for name, content in files.items()}


@BOTH
def test_a_shell_that_greets_is_named_as_the_cause(beside: Beside, command: str) -> None:
    greetings = (b"Welcome to web01\n", b"\x1b[2Jhi", b"\0\0\0\x05\x02\0\0\0\x03Hi", b"\0", b"?")
    behaviours = {f"greeting-{number}": Behaviour(greeting=greeting) for number, greeting in enumerate(greetings)}
    fates = moved(beside, command, behaviours)
    for host in behaviours:
        assert (host, fates[host].status, fates[host].code) == (host, "failed", "server-failure")
    assert fates["greeting-0"].message.endswith("it said: Welcome to web01")
    assert "start-up file" in fates["greeting-0"].hint


def test_all_that_openssh_has_is_known() -> None:
    """The names above are of the test server's extensions."""
    assert {RENAME, LIMITS} <= set(OPENSSH)
