"""The SFTP server that other tests bend: sound when it is left alone, and wrong in the one way that is asked for."""

from __future__ import annotations

import hashlib
import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import paramiko
import pytest
import yaml
from paramiko.sftp import SFTPError

from tests.support import processes
from tests.support.liars import PASSWORD
from tests.support.sftp import bends
from tests.support.sftp.behaviour import Behaviour
from tests.support.sftp.wire import DATA, NO_SPACE, PERMISSION_DENIED, Request, named
from tests.support.sftp_servers import USER, SftpServer, serve

LARGE = os.urandom(300_000)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    (root / "large").write_bytes(LARGE)
    return root


@contextmanager
def logged_in(server: SftpServer) -> Iterator[paramiko.Transport]:
    transport = paramiko.Transport(("127.0.0.1", server.port))
    try:
        transport.connect(username=USER, password=PASSWORD)
        yield transport
    finally:
        transport.close()
        transport.join(20)


@contextmanager
def client(root: Path, behaviour: Behaviour = Behaviour()) -> Iterator[tuple[paramiko.SFTPClient, SftpServer]]:  # noqa: B008
    with serve(root, behaviour) as server, logged_in(server) as transport:
        sftp = paramiko.SFTPClient.from_transport(transport)
        assert sftp is not None
        channel = sftp.get_channel()
        assert channel is not None
        channel.settimeout(20)
        yield sftp, server


def ran(server: SftpServer, command: str, stdin: bytes = b"") -> tuple[int, bytes, bytes]:
    with logged_in(server) as transport, transport.open_session(timeout=20) as channel:
        channel.settimeout(20)
        channel.exec_command(command)
        channel.sendall(stdin)
        channel.shutdown_write()
        out = channel.makefile("rb").read()
        err = channel.makefile_stderr("rb").read()
        return channel.recv_exit_status(), out, err


def fetched(sftp: paramiko.SFTPClient, name: str = "large") -> bytes:
    with sftp.open(name, "rb") as file:
        file.prefetch()
        return file.read()


# Sound


def test_a_file_put_and_got_is_the_same(root: Path) -> None:
    with client(root) as (sftp, _):
        with sftp.open("new", "wb") as file:
            file.write(LARGE)
        assert fetched(sftp, "new") == (root / "new").read_bytes() == LARGE


def test_everything_else_that_clients_ask_for_is_done(root: Path) -> None:
    with client(root) as (sftp, _):
        sftp.mkdir("d", 0o700)
        sftp.posix_rename("large", "d/moved")
        sftp.symlink("moved", "d/link")
        sftp.chmod("d/moved", 0o640)
        sftp.truncate("d/moved", 10)
        sftp.utime("d/moved", (1, 2))
        listed = {each.filename: each for each in sftp.listdir_attr("d")}
        assert sftp.normalize(".") == str(root)
        assert sftp.readlink("d/link") == "moved"
        assert stat.S_ISLNK(sftp.lstat("d/link").st_mode or 0)
        facts = sftp.stat("d/link")
        sftp.remove("d/link")
        sftp.remove("d/moved")
        sftp.rmdir("d")
    assert (facts.st_size, stat.S_IMODE(facts.st_mode or 0), facts.st_mtime) == (10, 0o640, 2)
    assert {"moved", "link"} <= set(listed)
    assert list(root.iterdir()) == []


def test_a_plain_rename_replaces_nothing(root: Path) -> None:
    (root / "there").touch()
    (root / "directory").mkdir()
    with client(root) as (sftp, _):
        for name in ("large", "directory"):
            with pytest.raises(OSError, match="Failure"):
                sftp.rename(name, "there")
        sftp.rename("directory", "moved")
    assert (root / "there").stat().st_size == 0
    assert (root / "moved").is_dir()


def test_what_is_not_there_and_what_is_outside_is_refused(root: Path) -> None:
    with client(root) as (sftp, _):
        with pytest.raises(FileNotFoundError):
            sftp.stat("nothing")
        with pytest.raises(PermissionError):
            sftp.remove("../large")
        with pytest.raises(PermissionError):
            sftp.open("/evil", "w")


def test_names_may_be_any_bytes(root: Path) -> None:
    name = b"\xff\n\x1b"
    (root / os.fsdecode(name)).write_bytes(b"in")
    with client(root) as (sftp, _):
        assert fetched(sftp, name) == b"in"  # type: ignore[arg-type]


def test_requests_are_on_record_in_order(root: Path) -> None:
    with client(root) as (sftp, server):
        with sftp.open(".new", "w") as file:
            file.write(b"12345")
        sftp.chmod(".new", 0o600)
        sftp.posix_rename(".new", "new")
    asked = [(each.kind, each.path, each.other, each.length) for each in server.requests if each.kind != "stat"]
    assert asked == [
        ("open", ".new", "", 0), ("write", ".new", "", 5), ("close", ".new", "", 0), ("setstat", ".new", "", 0),
        ("posix-rename@openssh.com", ".new", "new", 0),
    ]  # fmt: skip
    assert [each.mode for each in server.asked("setstat")] == [0o600]


# Commands


def test_a_command_runs_in_the_directory_with_its_streams_and_status(root: Path) -> None:
    with serve(root) as server:
        digest = ran(server, "sha256sum large; cat; echo bad >&2; exit 3", b"stdin")
        assert server.commands == ["sha256sum large; cat; echo bad >&2; exit 3"]
    expected = f"{hashlib.sha256(LARGE).hexdigest()}  large\nstdin"
    assert digest == (3, expected.encode(), b"bad\n")


def test_a_program_can_be_missing(root: Path) -> None:
    with serve(root, Behaviour(lacks=("tar", "sha256sum"))) as server:
        assert ran(server, "tar --version")[0] == 127
        assert ran(server, "sha256sum large")[0] == 127
        assert ran(server, "cat large") == (0, LARGE, b"")


def test_the_greeting_comes_before_the_output(root: Path) -> None:
    with serve(root, Behaviour(greeting=b"Welcome!\n")) as server:
        assert ran(server, "echo out") == (0, b"Welcome!\nout\n", b"")
        with logged_in(server) as transport, pytest.raises(SFTPError, match="Garbage packet"):
            paramiko.SFTPClient.from_transport(transport)


def test_what_runs_ends_with_the_server(root: Path) -> None:
    with serve(root) as server, logged_in(server) as transport:
        channel = transport.open_session(timeout=20)
        channel.exec_command("echo begun; sleep 1000")
        assert channel.recv(6) == b"begun\n"
        assert processes.with_variable(server.marker)
    assert processes.with_variable(server.marker) == []
    assert not any(thread.is_alive() for thread in server.threads)


def test_a_server_can_have_no_sftp(root: Path) -> None:
    with serve(root, Behaviour(sftp=False)) as server, logged_in(server) as transport:
        with pytest.raises(paramiko.SSHException):
            paramiko.SFTPClient.from_transport(transport)
        assert ran(server, "echo in") == (0, b"in\n", b"")


def test_a_server_can_run_nothing(root: Path) -> None:
    with client(root, Behaviour(runs=False)) as (sftp, server):
        with pytest.raises(paramiko.SSHException):
            ran(server, "true")
        assert sftp.stat("large").st_size == len(LARGE)


# Listings


@pytest.mark.parametrize("name", ["../evil", "/abs", "a/b", "", ".", "..", "a\0b", "\x1b[31m", "con\n"])
def test_a_listing_can_have_any_name_and_the_bait_behind_it(root: Path, name: str) -> None:
    behaviour = Behaviour(names=bends.lists(named(name)), bait=b"evil")
    with client(root, behaviour) as (sftp, _):
        assert name in {".", ".."} or name in sftp.listdir(".")  # paramiko hides these two
        assert fetched(sftp, f"none/{name}") == b"evil"
    assert [each.name for each in root.iterdir()] == ["large"]


def test_a_listing_can_have_devices(root: Path) -> None:
    names = bends.lists(named("disk", stat.S_IFBLK), named("pipe", stat.S_IFIFO))
    with client(root, Behaviour(names=names)) as (sftp, _):
        modes = {each.filename: each.st_mode or 0 for each in sftp.listdir_attr(".")}
    assert stat.S_ISBLK(modes["disk"])
    assert stat.S_ISFIFO(modes["pipe"])


def test_a_directory_can_be_in_itself_for_ever(root: Path) -> None:
    with client(root, bends.endless_depth()) as (sftp, _):
        deep = "again/" * 100
        assert set(sftp.listdir(deep)) == {"again", "large"}
        assert stat.S_ISDIR(sftp.lstat(f"{deep}again").st_mode or 0)
        assert sftp.stat(f"{deep}large").st_size == len(LARGE)


def test_a_listing_can_be_endless(root: Path) -> None:
    with client(root, Behaviour(names=bends.endless_listing)) as (sftp, server):
        listing = sftp.listdir_iter(".", read_aheads=5)
        assert len([next(listing) for _ in range(1_000)]) == 1_000
    assert len(server.asked("readdir")) >= 10


# Reads and writes


def test_reads_can_be_short(root: Path) -> None:
    with client(root, Behaviour(largest_read=1000)) as (sftp, _), sftp.open("large", "rb") as file:
        assert file.read(5000) == LARGE[:5000]
        assert sftp.stat("large").st_size == len(LARGE)


def test_a_file_can_vanish_while_it_is_read(root: Path) -> None:
    with client(root, Behaviour(before=(bends.vanishes(100_000),))) as (sftp, _), sftp.open("large", "rb") as file:
        assert file.read(50_000) == LARGE[:50_000]
        with pytest.raises(FileNotFoundError):
            file.read()


@pytest.mark.parametrize("size", [150_000, 400_000])
def test_a_file_can_change_its_size_while_it_is_read(root: Path, size: int) -> None:
    change = bends.resizes(root / "large", size, beyond=100_000)
    with client(root, Behaviour(before=(change,))) as (sftp, _), sftp.open("large", "rb") as file:
        assert file.read() == (LARGE + bytes(100_000))[:size]


def test_a_disk_can_be_full(root: Path) -> None:
    full = bends.fails("write", NO_SPACE, beyond=1000, path="new")
    with client(root, Behaviour(before=(full,))) as (sftp, _):
        file = sftp.open("new", "wb")
        file.write(bytes(1000))
        with pytest.raises(OSError, match="No space left"):
            file.write(b"x")
        sftp.open("other", "wb").write(bytes(2000))
    assert (root / "new").stat().st_size == 1000


def test_any_request_can_fail_from_a_certain_one_on(root: Path) -> None:
    with client(root, Behaviour(before=(bends.fails("mkdir", PERMISSION_DENIED, turn=2),))) as (sftp, _):
        sftp.mkdir("one")
        with pytest.raises(PermissionError):
            sftp.mkdir("two")


def test_an_old_server_has_no_extensions_and_gives_32_kib(root: Path) -> None:
    with client(root, bends.old()) as (sftp, _):
        with pytest.raises(OSError, match="unsupported"):
            sftp.posix_rename("large", "other")
        with sftp.open("large", "rb") as file:
            file.MAX_REQUEST_SIZE = 100_000
            assert len(file.read(100_000)) == 100_000
    assert bends.old().largest_read == 32 * 1024


@pytest.mark.parametrize("behaviour", [bends.old(), bends.old(too_long_fails=True)])
def test_an_old_server_takes_no_long_request(root: Path, behaviour: Behaviour) -> None:
    with client(root, behaviour) as (sftp, server):
        file = sftp.open("new", "wb")
        file.MAX_REQUEST_SIZE = 40_000
        with pytest.raises((OSError, paramiko.SSHException)):
            file.write(bytes(40_000))
        assert len(server.asked("write")) == (behaviour.too_long == "fails")
    assert (root / "new").stat().st_size == 0


def test_waiting_requests_are_gathered_and_answered_backwards(root: Path) -> None:
    with client(root, Behaviour(gathers=8)) as (sftp, server):
        assert fetched(sftp) == LARGE
        assert server.deepest == 8


# Silence, ends and nonsense


def test_a_server_can_stop_answering(root: Path) -> None:
    with client(root, Behaviour(bends=(bends.stops_answering(1),))) as (sftp, server):
        sftp.stat(".")
        channel = sftp.get_channel()
        assert channel is not None
        channel.settimeout(0.2)
        with pytest.raises(TimeoutError):
            sftp.stat(".")
        assert len(server.requests) == 2


@pytest.mark.parametrize("session_only", [True, False])
def test_a_server_can_hang_up_in_mid_file(root: Path, session_only: bool) -> None:
    cut = bends.hangs_up(moved=100_000, session_only=session_only)
    with serve(root, Behaviour(before=(cut,))) as server, logged_in(server) as transport:
        sftp = paramiko.SFTPClient.from_transport(transport)
        assert sftp is not None
        with pytest.raises((OSError, EOFError, paramiko.SSHException)):
            sftp.open("new", "wb").write(LARGE)
        assert 0 < (root / "new").stat().st_size < 100_000
        if not session_only:
            transport.join(20)
        assert transport.is_active() == session_only


def test_it_can_behave_again(root: Path) -> None:
    with serve(root, Behaviour(before=(bends.fails("stat"),))) as server, logged_in(server) as transport:
        for behaviour, size in (server.behaviour, None), (Behaviour(), len(LARGE)):
            server.behaviour = behaviour
            sftp = paramiko.SFTPClient.from_transport(transport)
            assert sftp is not None
            if size is None:
                with pytest.raises(OSError, match="Failure"):
                    sftp.stat("large")
            else:
                assert sftp.stat("large").st_size == size


def test_an_answer_can_be_nonsense(root: Path) -> None:
    with client(root, Behaviour(bends=(bends.on("stat", bends.huge_length, turn=2),))) as (sftp, _):
        assert sftp.stat("large").st_size == len(LARGE)
        with pytest.raises(SFTPError, match="Garbage"):
            sftp.stat("large")


def test_each_nonsense_is_what_it_says() -> None:
    answer = struct.pack(">IBII", 12, DATA, 7, 3) + b"abc"
    assert bends.wrong_id(answer)[5:9] != answer[5:9]
    assert bends.unasked(answer) == answer + bends.wrong_id(answer)
    assert bends.twice(answer) == answer + answer
    assert bends.unknown_type(answer)[4] != answer[4]
    assert bends.cut_short(answer) == struct.pack(">IBII", 10, DATA, 7, 3) + b"a"
    more = bends.more_than_asked(answer)
    assert struct.unpack_from(">IBII", more) == (1012, DATA, 7, 1003)
    assert len(more) == 4 + 1012
    read, other = Request("read", 7, turn=2), Request("stat", 7)
    assert bends.on("read", bends.no_length, turn=3)(read, answer) == answer
    assert bends.on("read", bends.no_length, turn=2)(read, answer) == bytes(4)
    assert bends.on("read", bends.no_length)(other, answer) == answer


def test_the_inventory_names_this_host_beside_others(root: Path, tmp_path: Path) -> None:
    with serve(root) as one, serve(root, replace(Behaviour(), sftp=False)) as two:
        one.inventory(tmp_path)
        path = two.inventory(tmp_path, "deaf", tags=["old"])
    hosts = yaml.safe_load(path.read_text())["hosts"]
    assert [hosts[name]["port"] for name in ("liar", "deaf")] == [one.port, two.port]
    assert hosts["deaf"]["tags"] == ["old"]
    assert Path(hosts["liar"]["known_hosts"]).read_text().startswith(f"[127.0.0.1]:{one.port} ecdsa-sha2-nistp256 ")
    assert path.stat().st_mode & 0o077 == 0
