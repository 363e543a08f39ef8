"""A channel as a pipe for much data: windows of any size are kept to, ours and the server's."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paramiko import Channel, SSHException

from fleetctl.cancel import Cancel
from fleetctl.errors import TimedOut
from fleetctl.model import Host, HostKeyPolicy, Login, Secret
from fleetctl.ssh.dial import Dialer
from fleetctl.ssh.notes import ServerNotes
from fleetctl.ssh.session import CommandPipe, Ended
from fleetctl.ssh.stream import allowance, bulk
from fleetctl.ssh.stream.bulk import BulkPipe, Complaints, Inbox
from fleetctl.ssh.stream.packets import Sink
from fleetctl.ssh.stream.pieces import Piece, fill
from fleetctl.ssh.transport import LeanTransport
from tests.support import broken, liars

MIB = 1024 * 1024
LARGE = random.Random(3).randbytes(MIB)


class Grants:
    """A server in memory behind a real channel. Each time its window is used up it grants the next of `portions`.

    Attributes:
        got: what was sent by each call.
        waits: how often somebody waited for the window.
    """

    def __init__(self, window: int, portions: Callable[[], int]) -> None:
        self.got: list[bytes] = []
        self.waits = 0
        self.channel = Channel(1)
        self.channel.out_window_size = window
        self._portions = portions
        self._window = window
        self._sink: Sink | None = None
        wait = self.channel.out_buffer_cv.wait

        def counted(timeout: float | None = None) -> bool:
            self.waits += 1
            return wait(timeout)

        self.channel.out_buffer_cv.wait = counted  # type: ignore[method-assign]
        self.pipe = BulkPipe(cast("LeanTransport", self), self.channel, ServerNotes("h"), MIB)

    def deliver(self, channel: Channel, sink: Sink | None) -> None:
        self._sink = sink

    def send_data(self, channel: Channel, pieces: Sequence[Piece]) -> None:
        room = bytearray(sum(map(len, pieces)))
        fill([memoryview(room)], pieces)
        self.got.append(bytes(room))
        self._window -= len(room)
        assert self._window >= 0, "more than the window allows"
        if not self._window and self._sink is not None:
            self._window = self._portions()
            self._sink.window(self._window)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits for more of a window end at once."""
    monkeypatch.setattr(allowance, "_LOOK_SECONDS", 0.001)


# The server's window


@pytest.mark.parametrize("portion", [1, 100, 70_000])
def test_a_window_that_becomes_small_for_ever_lets_everything_through_and_is_waited_for_a_few_times_only(
    impatient: None, portion: int
) -> None:
    """Smaller than what was worth waiting for while it was large: each time less is waited for, in the end nothing."""
    server = Grants(MIB, lambda: portion)
    data = (5 * LARGE)[: MIB + 50 * portion]
    server.pipe.send([memoryview(data)])
    assert b"".join(server.got) == data
    assert list(map(len, server.got)) == [MIB] + [portion] * 50
    assert server.waits < 20


def test_a_window_that_is_small_from_the_start_is_never_waited_for(impatient: None) -> None:
    server = Grants(10, lambda: 10)
    server.pipe.send([memoryview(LARGE)[:3005]])
    assert (b"".join(server.got), server.waits) == (LARGE[:3005], 0)


@given(st.integers(1, 3000), st.lists(st.integers(1, 500), min_size=1), st.lists(st.integers(1, 700), max_size=8))
def test_windows_of_any_sizes_let_everything_through(
    window: int, portions: Sequence[int], sizes: Sequence[int]
) -> None:
    turns = cycle(portions)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(allowance, "_LOOK_SECONDS", 0.0001)
        server = Grants(window, lambda: next(turns))
        starts = [sum(sizes[:number]) for number in range(len(sizes))]
        server.pipe.send([memoryview(LARGE)[start : start + size] for start, size in zip(starts, sizes, strict=True)])
    assert b"".join(server.got) == LARGE[: sum(sizes)]


def test_what_does_not_fit_into_a_window_of_a_real_connection_goes_on_when_it_widens() -> None:
    """1,000 bytes at a time, by a server that widens its window as it reads."""
    data = LARGE[:200_000]
    with broken.server(liars.takes_little) as port, told_its_input(port) as pipe:
        pipe.send(data)
        pipe.end_input()
        assert b"".join(pipe.output()).decode() == hashlib.sha256(data).hexdigest()
        assert pipe.ended() == (Ended(0), "")


def test_a_server_that_never_widens_its_window_is_given_up(impatient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_SILENCE_SECONDS", 0.05)
    server = Grants(1000, lambda: 0)
    with pytest.raises(TimedOut, match="did not answer"):
        server.pipe.send([memoryview(LARGE)])
    assert b"".join(server.got) == LARGE[:1000]


def test_a_channel_that_ends_while_its_window_is_waited_for_is_told_as_its_end() -> None:
    server = Grants(1000, lambda: 0)

    def end(timeout: float | None = None) -> bool:
        server.channel.closed = True
        return True

    server.channel.out_buffer_cv.wait = end  # type: ignore[method-assign]
    with pytest.raises(EOFError):
        server.pipe.send([memoryview(LARGE)])


def test_packets_are_of_64_kib_at_most_whatever_a_server_says_that_it_takes() -> None:
    """It says 4 GiB: rooms for that would be made, eight of them."""
    sizes: list[int] = []
    with broken.server(liars.takes_huge_packets(sizes)) as port, told_its_input(port) as pipe:
        pipe.send(LARGE)
        pipe.end_input()
        assert b"".join(pipe.output()).decode() == hashlib.sha256(LARGE).hexdigest()
    assert 32 * 1024 < max(sizes) <= 64 * 1024


@contextmanager
def told_its_input(port: int) -> Iterator[CommandPipe]:
    """A command on a server that tells what it read."""
    login = Login("liar", password=Secret(liars.PASSWORD))
    host = Host("liar", "127.0.0.1", login, port, host_key_policy=HostKeyPolicy.OFF)
    with Cancel() as cancel:
        session = Dialer(login_timeout=20).dial(host, cancel)
        try:
            with session.pipe("tell", cancel) as pipe:
                yield pipe
        finally:
            session.close()


# Ours


def test_an_inbox_takes_no_more_than_its_window() -> None:
    inbox = Inbox(100)
    inbox.put(memoryview(bytes(60)))
    inbox.feed(bytes(40))
    with pytest.raises(SSHException, match="more than its window"):
        inbox.put(memoryview(b"x"))


def test_what_was_taken_makes_room() -> None:
    inbox = Inbox(100)
    for _ in range(3):
        inbox.put(memoryview(bytes(100)))
        pieces, size = inbox.take(100, 0)
        assert (list(map(len, pieces)), size, len(inbox)) == ([100], 100, 0)


def test_pieces_are_taken_in_order_and_as_they_came() -> None:
    inbox = Inbox(100)
    came = [memoryview(bytes([number])) for number in range(5)]
    for piece in came:
        inbox.put(piece)
    taken, _ = inbox.take(2, 0)
    assert [one is other for one, other in zip(taken, came, strict=True)] == [True] * 5


def test_who_takes_is_woken_when_there_is_as_much_as_is_wanted() -> None:
    inbox = Inbox(100)
    taken: list[int] = []
    taker = threading.Thread(target=lambda: taken.append(inbox.take(30, 20)[1]))
    taker.start()
    for _ in range(3):
        inbox.put(memoryview(bytes(10)))
    taker.join(20)
    assert taken == [30]


def test_at_the_end_there_is_what_there_is() -> None:
    inbox = Inbox(100)
    inbox.put(memoryview(bytes(10)))
    ender = threading.Thread(target=inbox.close)
    ender.start()
    assert inbox.take(30, 20)[1] == 10
    assert inbox.take(30, 20) == ([], 0)
    ender.join(20)


def test_silence_is_told_and_costs_nothing_that_came() -> None:
    inbox = Inbox(100)
    inbox.put(memoryview(bytes(10)))
    with pytest.raises(TimeoutError):
        inbox.take(30, 0.001)
    assert inbox.take(10, 0)[1] == 10


@given(st.lists(st.integers(0, 5000), max_size=6))
def test_of_complaints_the_end_is_kept_and_all_of_them_are_counted(sizes: Sequence[int]) -> None:
    complaints = Complaints(sum(sizes))
    place = 0
    for size in sizes:
        complaints.feed(LARGE[place : place + size])
        place += size
    assert complaints.text() == LARGE[:place][-4096:].decode(errors="replace").strip()
    assert (complaints.taken(), complaints.taken()) == (place, 0)


def test_complaints_that_are_more_than_the_window_are_refused() -> None:
    complaints = Complaints(100)
    complaints.feed(bytes(100))
    complaints.taken()
    complaints.feed(bytes(100))
    with pytest.raises(SSHException, match="more than its window"):
        complaints.feed(b"x")
