"""A session against a real sshd: commands, streams, exit codes, deadlines, and many of them on one connection."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from paramiko import Channel

from fleetctl.cancel import Cancel
from fleetctl.errors import Cancelled, ChannelRefused, ConnectionLost, FleetError, TimedOut
from fleetctl.events import Stream
from fleetctl.operations.stdin import Broadcast
from fleetctl.ssh.dial import Dialer
from fleetctl.ssh.pool import Pool
from fleetctl.ssh.session import Ended, Session
from fleetctl.ssh.stream.packets import PacketLayer
from tests.support.hosts import host_of
from tests.support.sshd import Sshd, SshdStarter


class Collected:
    """Output by stream; `into` is what a session calls."""

    def __init__(self) -> None:
        self.stdout = b""
        self.stderr = b""

    def into(self, stream: Stream, data: bytes) -> None:
        if stream == "stdout":
            self.stdout += data
        else:
            self.stderr += data


def test_both_streams_and_the_exit_code_arrive(session: Session, cancel: Cancel) -> None:
    got = Collected()
    ended = session.run("echo out; echo err >&2; exit 7", got.into, cancel)
    assert (got.stdout, got.stderr, ended.exit_code) == (b"out\n", b"err\n", 7)


def test_a_hundred_commands_share_one_connection(session: Session, cancel: Cancel) -> None:
    for number in range(100):
        got = Collected()
        assert session.run(f"echo {number}", got.into, cancel).exit_code == 0
        assert got.stdout == f"{number}\n".encode()


def test_commands_at_once_do_not_mix(session: Session, cancel: Cancel) -> None:
    results: dict[int, bytes] = {}

    def work(number: int) -> None:
        for _ in range(10):
            got = Collected()
            session.run(f"seq {number} {number + 500}", got.into, cancel)
            results[number] = results.get(number, b"") + got.stdout

    threads = [threading.Thread(target=work, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for number in range(5):
        assert results[number] == 10 * "".join(f"{n}\n" for n in range(number, number + 501)).encode()


def test_much_on_both_streams_at_once_does_not_deadlock(session: Session, cancel: Cancel) -> None:
    got = Collected()
    line = "head -c 6000000 /dev/zero >&2 & head -c 6000000 /dev/zero; wait"
    assert session.run(line, got.into, cancel).exit_code == 0
    assert (len(got.stdout), len(got.stderr)) == (6_000_000, 6_000_000)


def test_stdin_reaches_the_command_whole(session: Session, cancel: Cancel, tmp_path: Path) -> None:
    data = os.urandom(5_000_000)
    (tmp_path / "data").write_bytes(data)
    descriptor = os.open(tmp_path / "data", os.O_RDONLY)
    got = Collected()
    with Broadcast(descriptor) as stdin:
        session.run("sha256sum", got.into, cancel, stdin=stdin)
    os.close(descriptor)
    assert got.stdout.split()[0].decode() == hashlib.sha256(data).hexdigest()


def test_a_command_that_ignores_its_stdin_ends_all_the_same(session: Session, cancel: Cancel) -> None:
    read_end, write_end = os.pipe()
    with Broadcast(read_end) as stdin:
        assert session.run("exit 4", Collected().into, cancel, stdin=stdin).exit_code == 4
    os.close(write_end)
    os.close(read_end)


def test_a_command_never_takes_broken_stdin_for_its_end(session: Session, cancel: Cancel, tmp_path: Path) -> None:
    directory = os.open(tmp_path, os.O_RDONLY)
    got = Collected()
    with Broadcast(directory) as stdin, pytest.raises(FleetError, match="broke off"):
        session.run("cat; echo all of it", got.into, cancel, stdin=stdin)
    os.close(directory)
    assert got.stdout == b""


def test_the_exit_code_is_waited_for_when_output_ended_before_the_command(
    session: Session, cancel: Cancel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleetctl.ssh.stream.hearing._IDLE_SECONDS", 0.05)
    read_end, write_end = os.pipe()
    with Broadcast(read_end) as stdin:
        for source in (None, stdin):
            got = Collected()
            assert session.run("echo out; exec >&- 2>&-; sleep 0.5; exit 3", got.into, cancel, stdin=source) == Ended(3)
            assert got.stdout == b"out\n"
    os.close(write_end)
    os.close(read_end)


def test_stdin_goes_on_after_the_end_of_output(session: Session, cancel: Cancel, tmp_path: Path) -> None:
    data = os.urandom(5_000_000)
    (tmp_path / "data").write_bytes(data)
    descriptor = os.open(tmp_path / "data", os.O_RDONLY)
    line = f"exec >&- 2>&-; test $(sha256sum | cut -c1-64) = {hashlib.sha256(data).hexdigest()}"
    with Broadcast(descriptor) as stdin:
        assert session.run(line, Collected().into, cancel, stdin=stdin) == Ended(0)
    os.close(descriptor)


@pytest.mark.parametrize("data", [b"", b"line\n", b"no end of line"])
def test_a_reader_on_a_terminal_sees_the_end_of_its_stdin(session: Session, cancel: Cancel, data: bytes) -> None:
    read_end, write_end = os.pipe()
    os.write(write_end, data)
    os.close(write_end)
    got = Collected()
    with Broadcast(read_end) as stdin:
        # What is typed before it reads is echoed, so the answer is marked.
        line = 'echo "bytes read: $(wc -c)"'
        assert session.run(line, got.into, cancel, pty=True, stdin=stdin, timeout=20) == Ended(0)
    os.close(read_end)
    assert f"bytes read: {len(data)}\r\n".encode() in got.stdout


def test_a_connection_that_ends_without_an_exit_status_is_lost_and_no_signal(
    session: Session, cancel: Cancel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """paramiko ends the channels of a dying connection first: there is a moment in which only they are gone."""
    unlink = Channel._unlink  # type: ignore[attr-defined]  # missing in types-paramiko

    def slowly(channel: Channel) -> None:
        unlink(channel)
        threading.Event().wait(0.3)

    monkeypatch.setattr(Channel, "_unlink", slowly)
    with pytest.raises(TimedOut):
        session.run("sleep 60", Collected().into, cancel, timeout=0.3)


def test_a_connection_that_ends_while_output_is_taken_is_lost(
    session: Session, cancel: Cancel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taking output grants the server more of it, and that message can meet the end of the connection."""

    def meet_the_end(_channel: Channel, _size: int) -> bytes:
        raise EOFError

    monkeypatch.setattr(Channel, "recv", meet_the_end)
    with pytest.raises(ConnectionLost):
        session.run("echo hi", Collected().into, cancel)


def test_without_stdin_a_reader_sees_its_end_at_once(session: Session, cancel: Cancel) -> None:
    assert session.run("cat", Collected().into, cancel).exit_code == 0


def test_death_by_a_signal_has_no_exit_code(session: Session, cancel: Cancel) -> None:
    assert session.run("kill -9 $$", Collected().into, cancel).exit_code is None
    assert session.run("exit 0", Collected().into, cancel).exit_code == 0


def test_a_terminal_joins_the_streams(session: Session, cancel: Cancel) -> None:
    got = Collected()
    session.run("tty; echo err >&2", got.into, cancel, pty=True)
    assert got.stdout.startswith(b"/dev/")
    assert got.stdout.endswith(b"err\r\n")


def test_a_command_past_its_time_is_ended_and_the_session_goes_on(session: Session, cancel: Cancel) -> None:
    got = Collected()
    with pytest.raises(TimedOut, match=r"0\.5 s") as caught:
        session.run("trap 'echo last words; exit' TERM; echo before; sleep 60 & wait", got.into, cancel, timeout=0.5)
    assert caught.value.killed
    assert got.stdout == b"before\nlast words\n"
    with pytest.raises(TimedOut, match=r"no output for 0\.4 s"):
        session.run("exec >&- 2>&-; sleep 60", got.into, cancel, silence=0.4)
    assert session.run("echo after", got.into, cancel, timeout=60, silence=60) == Ended(0)


def test_calling_off_ends_a_running_command(session: Session, cancel: Cancel) -> None:
    def when_it_speaks(_stream: Stream, _data: bytes) -> None:
        cancel.set("stop")

    with pytest.raises(Cancelled, match="stop"):
        session.run("echo go; sleep 60", when_it_speaks, cancel)


def test_a_round_trip_is_answered(session: Session, cancel: Cancel) -> None:
    session.round_trip(cancel)
    assert session.alive


def test_keys_are_exchanged_anew_in_the_middle_of_a_stream(
    sshd: Sshd, tmp_path: Path, cancel: Cancel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PacketLayer, "REKEY_BYTES", 2_000_000)
    monkeypatch.setattr("paramiko.packet.Packetizer.REKEY_BYTES", 2_000_000)
    session = Dialer(login_timeout=30).dial(host_of(sshd, tmp_path), cancel)
    got = Collected()
    assert session.run("head -c 20000000 /dev/zero", got.into, cancel).exit_code == 0
    assert len(got.stdout) == 20_000_000
    session.close()


@pytest.mark.parametrize("cipher", ["aes256-gcm@openssh.com", "aes128-ctr", "aes256-ctr"])
def test_every_cipher_we_offer_works(start_sshd: SshdStarter, tmp_path: Path, cancel: Cancel, cipher: str) -> None:
    session = Dialer(login_timeout=30).dial(host_of(start_sshd(f"Ciphers {cipher}"), tmp_path), cancel)
    got = Collected()
    assert session.run("head -c 3000000 /dev/zero; cat", got.into, cancel).exit_code == 0
    assert len(got.stdout) == 3_000_000
    session.close()


def test_a_server_without_room_for_sessions_is_told(start_sshd: SshdStarter, tmp_path: Path, cancel: Cancel) -> None:
    session = Dialer(login_timeout=30).dial(host_of(start_sshd("MaxSessions 0"), tmp_path), cancel)
    with pytest.raises(ChannelRefused):
        session.run("true", Collected().into, cancel)
    session.close()


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def test_a_pool_hands_the_same_session_out_again(sshd: Sshd, tmp_path: Path, cancel: Cancel) -> None:
    host = host_of(sshd, tmp_path)
    pool = Pool(Dialer(login_timeout=30), keep=1)
    with pool.session(host, cancel) as first:
        pass
    assert repr(pool) == "<Pool: 1 idle of 1>"
    with pool.session(host, cancel) as second:
        assert second is first
        with pool.session(host, cancel) as third:
            assert third is not first
    pool.close()
    assert repr(pool) == "<Pool: 0 idle of 0>"


def test_a_pool_forgets_sessions_that_died(sshd: Sshd, tmp_path: Path, cancel: Cancel) -> None:
    host = host_of(sshd, tmp_path)
    pool = Pool(Dialer(login_timeout=30), keep=2)
    with pool.session(host, cancel) as first:
        pass
    first.abort()
    first._transport.join(10)
    with pool.session(host, cancel) as second:
        assert second is not first
        assert second.run("exit 0", Collected().into, cancel).exit_code == 0
    pool.close()


def test_a_pool_that_keeps_nothing_leaves_no_thread(sshd: Sshd, tmp_path: Path, cancel: Cancel) -> None:
    with cancel.guard(60, lambda: None):
        before = threads()
        use: Callable[[Session], object] = lambda session: session.run("true", Collected().into, cancel)  # noqa: E731
        pool = Pool(Dialer(login_timeout=30))
        with pool.session(host_of(sshd, tmp_path), cancel) as session:
            use(session)
        assert threads() == before


@pytest.mark.parametrize("ended_by", ["cancel", "timeout", "abort"])
def test_however_a_command_with_stdin_is_cut_off_it_is_called_by_its_name(
    sshd: Sshd, tmp_path: Path, ended_by: str
) -> None:
    """Closing a channel on a connection that has just been cut fails, and must not hide why it was."""
    named = {"cancel": Cancelled, "timeout": TimedOut, "abort": ConnectionLost}[ended_by]
    host = host_of(sshd, tmp_path)
    zeros = os.open("/dev/zero", os.O_RDONLY)
    for number in range(8):
        with Cancel() as cancel, Broadcast(zeros) as stdin:
            session = Dialer(login_timeout=30).dial(host, cancel)
            cuts: dict[str, Callable[[], None]] = {"cancel": partial(cancel.set, "enough"), "abort": session.abort}
            cut = cuts.get(ended_by)
            delay = 0.02 + number * 0.01
            timer = threading.Timer(delay, cut) if cut else None
            if timer is not None:
                timer.start()
            with pytest.raises(named):
                session.run("cat", Collected().into, cancel, stdin=stdin, timeout=delay if timer is None else None)
            if timer is not None:
                timer.join(20)
            session.close()
    os.close(zeros)


def test_an_exit_code_that_came_is_kept_when_closing_the_channel_fails(
    session: Session, cancel: Cancel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_channel: Channel) -> None:
        raise EOFError

    with monkeypatch.context() as patch:
        patch.setattr(Channel, "close", fail)
        assert session.run("exit 6", Collected().into, cancel) == Ended(6)


def test_what_a_command_says_at_once_reaches_its_pipe(
    session: Session, cancel: Cancel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the reply to the request takes to be seen: here until the command has ended."""
    request = session._request

    def slowly(channel: Channel, ask: Callable[[Channel], None], cancel: Cancel) -> None:
        request(channel, ask, cancel)
        while not channel.closed:
            session.round_trip(cancel)

    monkeypatch.setattr(session, "_request", slowly)
    with session.pipe("echo hello", cancel) as pipe:
        assert b"".join(pipe.output()) == b"hello\n"
        assert pipe.ended()[0] == Ended(0)


def test_a_command_that_complains_at_length_before_it_reads_is_not_waited_for_in_vain(
    session: Session, cancel: Cancel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for us to take what it says, many times a window, while we wait for it to read. The end is kept."""
    monkeypatch.setattr("fleetctl.ssh.stream.bulk._LOOK_SECONDS", 0.02)
    line = "head -c 6000000 /dev/zero | tr '\\0' x >&2; echo the end >&2; exec wc -c"
    with session.pipe(line, cancel) as pipe:
        pipe.send(bytes(3_000_000))
        pipe.end_input()
        assert b"".join(pipe.output()).strip() == b"3000000"
        ended, complaint = pipe.ended()
    assert (ended, len(complaint)) == (Ended(0), 4095)
    assert complaint.endswith("xxx" + "the end")


def test_what_a_command_complains_of_while_it_writes_is_taken_meanwhile(session: Session, cancel: Cancel) -> None:
    line = "for n in 1 2 3 4; do head -c 1000000 /dev/zero >&2; head -c 1000000 /dev/zero; done; echo the end >&2"
    with session.pipe(line, cancel) as pipe:
        pipe.end_input()
        assert sum(map(len, pipe.output())) == 4_000_000
        ended, complaint = pipe.ended()
    assert ended == Ended(0)
    assert complaint.endswith("\0the end")
