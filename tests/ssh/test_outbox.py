"""Packets of channel data: what is decrypted is what was given, in packets as RFC 4253 and RFC 5647 have them."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from tempfile import TemporaryFile

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from paramiko import Channel

from fleetctl.ssh.stream.outbox import PACKETS, Outbox, padding
from fleetctl.ssh.stream.packets import ChannelData, _Direction
from fleetctl.ssh.stream.pieces import FileRange, Piece
from tests.support.contents import CONTENT, open_content, pieces_of

KEY = bytes(range(16))
FIXED = b"same"
CHANNEL = 7
HEAD = struct.pack(">BI", 94, CHANNEL)
PARTS = st.lists(st.tuples(st.booleans(), st.integers(0, 200)), max_size=5)
"""Pieces that follow each other in CONTENT: whether of the file, and how long."""


@pytest.fixture(scope="module")
def descriptor() -> Iterator[int]:
    with open_content() as descriptor:
        yield descriptor


class Receiver:
    """The other end: takes packets apart by the letter of the RFCs, and counts on by itself."""

    def __init__(self, invocations: int) -> None:
        self._cipher = AESGCM(KEY)
        self._invocations = invocations

    def data(self, sent: bytes) -> list[bytes]:
        """What each of the packets carries."""
        found = []
        while sent:
            (size,) = struct.unpack_from(">I", sent)
            assert size >= 16
            assert size % 16 == 0  # the length is not encrypted, so it does not count (RFC 5647, 7.3)
            found.append(self._payload(sent[:4], sent[4 : 4 + size + 16]))
            sent = sent[4 + size + 16 :]
        return found

    def _payload(self, length: bytes, sealed: bytes) -> bytes:
        nonce = FIXED + struct.pack(">Q", self._invocations)
        self._invocations = (self._invocations + 1) % (1 << 64)
        plain = self._cipher.decrypt(nonce, sealed, length)
        padded = plain[0]
        assert padded >= 4
        assert set(plain[len(plain) - padded :]) == {0}
        payload = plain[1 : len(plain) - padded]
        assert payload.startswith(HEAD)
        (size,) = struct.unpack_from(">I", payload, len(HEAD))
        data = payload[len(HEAD) + 4 :]
        assert len(data) == size
        return data


def _channel() -> Channel:
    channel = Channel(0)
    channel.remote_chanid = CHANNEL
    return channel


class Sender:
    """One outbox under one key, and what comes out of it."""

    def __init__(self, most: int, invocations: int = 0) -> None:
        self.outbox = Outbox(HEAD, most)
        self._most = most
        self._outward = _Direction(AESGCM(KEY), FIXED + struct.pack(">Q", invocations))

    def send(self, pieces: Sequence[Piece]) -> list[bytes]:
        """As the packet layer does it. Returns: what goes out by each call of the kernel."""
        parts = ChannelData(_channel(), pieces, self._most).parts(self.outbox.size)
        return [bytes(self.outbox.sealed(part, size, self._outward.seal)) for size, part in parts]


@given(st.integers(0, 1000))
def test_padding_makes_whole_blocks_of_the_least_size(size: int) -> None:
    assert 4 <= padding(size) < 20
    assert (1 + size + padding(size)) % 16 == 0


@given(st.integers(1, 70), st.lists(PARTS, max_size=6))
def test_what_is_decrypted_is_what_was_given(
    descriptor: int, most: int, rounds: Sequence[Sequence[tuple[bool, int]]]
) -> None:
    """By one outbox, over and over: nothing of one time is left in the next."""
    sender, receiver = Sender(most), Receiver(0)
    for parts in rounds:
        pieces = pieces_of(descriptor, parts)
        total = sum(map(len, pieces))
        got = [data for sent in sender.send(pieces) for data in receiver.data(sent)]
        assert b"".join(got) == CONTENT[:total]
        assert list(map(len, got)) == [most] * (total // most) + [total % most] * bool(total % most)


@given(st.integers(1, 40), st.lists(st.integers(0, 40 * PACKETS), min_size=2, max_size=6))
def test_a_short_packet_leaves_its_room_as_it_was(most: int, sizes: Sequence[int]) -> None:
    """Whichever of the rooms that is, and whatever follows: full ones, another short one, or none."""
    sender, receiver = Sender(most), Receiver(0)
    for size in sizes:
        for whole in (size, sender.outbox.size):
            got = [data for sent in sender.send([memoryview(CONTENT)[:whole]]) for data in receiver.data(sent)]
            assert b"".join(got) == CONTENT[:whole]


def test_all_that_it_takes_goes_out_at_once() -> None:
    sender, receiver = Sender(50), Receiver(0)
    sent = sender.send([memoryview(CONTENT)[: 2 * 50 * PACKETS + 1]])
    assert [len(receiver.data(each)) for each in sent] == [PACKETS, PACKETS, 1]


def test_nothing_at_all_is_no_packet() -> None:
    seals: list[int] = []
    outbox = Outbox(HEAD, 50)
    assert bytes(outbox.sealed([], 0, lambda packets: seals.append(len(packets)))) == b""
    assert seals == [0]


def test_packets_are_counted_past_the_end_of_the_counter() -> None:
    """It wraps within its 64 bits (RFC 5647, 7.1)."""
    last = (1 << 64) - 3
    sender, receiver = Sender(10, last), Receiver(last)
    got = [data for sent in sender.send([memoryview(CONTENT)[:75]]) for data in receiver.data(sent)]
    assert b"".join(got) == CONTENT[:75]


@given(st.integers(1, 70), st.integers(0, 500), st.integers(1, 500))
def test_of_a_file_that_shrank_zeros_are_sent_in_the_place_of_what_was_announced(
    most: int, left: int, size: int
) -> None:
    """Also where the rooms still hold what was sent before."""
    sender, receiver = Sender(most), Receiver(0)
    with TemporaryFile() as file:
        file.write(CONTENT)
        file.flush()
        for each in (FileRange(file.fileno(), 1000, sender.outbox.size), FileRange(file.fileno(), 0, size)):
            got = b"".join(data for sent in sender.send([each]) for data in receiver.data(sent))
            os.truncate(file.fileno(), left)
    there = CONTENT[:left][:size]
    assert got == there + bytes(size - len(there))
    assert isinstance(each.broken, EOFError) == (len(there) < size)
