"""Packets of SFTP out of pieces: however a stream is cut, the same packets come out, and large ones uncopied."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetctl.errors import ServerFailure
from fleetctl.ssh.sftp.frames import Frames

LARGEST = 1024 * 1024
PATTERN = bytes(range(251)) * 12
BODIES = st.lists(
    st.one_of(st.binary(min_size=5, max_size=90), st.integers(5, 3000).map(lambda size: PATTERN[:size])), max_size=6
)
CUTS = st.lists(st.integers(0, 200), min_size=1, max_size=12).filter(any)


def framed(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


def cut_up(stream: bytes, cuts: Sequence[int]) -> list[memoryview]:
    """Pieces of these sizes, over and over; the last one is what is left."""
    pieces = []
    place = turn = 0
    while place < len(stream):
        size = cuts[turn % len(cuts)]
        pieces.append(memoryview(stream)[place : place + size])
        place += size
        turn += 1
    return pieces


def taken(frames: Frames, pieces: Iterable[memoryview], together: int = 1) -> list[list[memoryview]]:
    """The packets, of which there may be some after each feed of so many pieces."""
    found: list[list[memoryview]] = []
    held: list[memoryview] = []
    for piece in pieces:
        held.append(piece)
        if len(held) == together:
            frames.feed(held)
            found += frames.packets()
            held = []
    frames.feed(held)
    return [*found, *frames.packets()]


@given(BODIES, CUTS, st.integers(1, 8))
def test_however_a_stream_is_cut_the_same_packets_come_out(
    bodies: Sequence[bytes], cuts: Sequence[int], together: int
) -> None:
    stream = b"".join(map(framed, bodies))
    frames = Frames()
    packets = taken(frames, cut_up(stream, cuts), together)
    assert [b"".join(packet) for packet in packets] == bodies
    assert frames.missing == 4


@given(BODIES, CUTS)
def test_the_first_piece_holds_all_but_much_data(bodies: Sequence[bytes], cuts: Sequence[int]) -> None:
    for packet in taken(Frames(), cut_up(b"".join(map(framed, bodies)), cuts)):
        assert len(packet[0]) >= min(60, sum(map(len, packet)))


@given(BODIES, st.integers(0, 5))
def test_who_feeds_what_is_missing_gets_every_packet_and_never_waits_for_the_next(
    bodies: Sequence[bytes], more: int
) -> None:
    """`more`: a server may be ahead, with what it sends next."""
    stream = memoryview(b"".join(map(framed, bodies)))
    frames = Frames()
    found: list[bytes] = []
    fed = 0
    while len(found) < len(bodies):
        end = sum(4 + len(body) for body in bodies[: len(found) + 1])
        missing = frames.missing
        assert 0 < missing <= end - fed
        frames.feed([stream[fed : fed + missing + more]])
        fed += missing + more
        found += [b"".join(packet) for packet in frames.packets()]
    assert found == bodies


def test_much_data_is_handed_on_as_it_came() -> None:
    pieces = [framed(bytes(100_000))[:40_000], bytes(40_000), bytes(20_004)]
    (packet,) = taken(Frames(), map(memoryview, pieces))
    assert [piece.obj is whole for piece, whole in zip(packet, pieces, strict=True)] == [True] * 3


@pytest.mark.parametrize(("count", "held"), [(64, 64), (65, 1), (1000, 1)])
def test_a_packet_in_more_pieces_than_one_call_may_take_is_joined(count: int, held: int) -> None:
    body = bytes(range(100)) * count
    (packet,) = taken(Frames(), cut_up(framed(body[4:]), [100]))
    assert (len(packet), b"".join(packet)) == (held, body[4:])


@pytest.mark.parametrize("size", [0, 1, 4, LARGEST + 1, 0xFFFF_FFFF])
@pytest.mark.parametrize("cuts", [[1], [4], [1000]])
def test_what_cannot_be_a_packet_is_refused_before_it_is_waited_for(size: int, cuts: Sequence[int]) -> None:
    with pytest.raises(ServerFailure, match="does not speak SFTP"):
        taken(Frames(), cut_up(struct.pack(">I", size), cuts))


@pytest.mark.parametrize("size", [5, LARGEST])
def test_the_smallest_and_the_largest_packet_are_taken(size: int) -> None:
    (packet,) = taken(Frames(), cut_up(framed(bytes(size)), [32 * 1024]))
    assert sum(map(len, packet)) == size


@given(st.lists(st.binary(min_size=5, max_size=90), max_size=3), st.binary(max_size=80), CUTS)
def test_packets_before_what_is_none_are_there(bodies: Sequence[bytes], junk: bytes, cuts: Sequence[int]) -> None:
    stream = b"".join(map(framed, bodies)) + bytes(4) + junk
    frames = Frames()
    frames.feed(cut_up(stream, cuts))
    packets = frames.packets()
    assert [b"".join(next(packets)) for _ in bodies] == bodies
    with pytest.raises(ServerFailure):
        next(packets)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (b"Welcome to h7!\nLast login: today", "it said: Welcome to h7!"),
        (b"\x1b[31mred\x1b[0m and more", r"it said: '\x1b[31mred\x1b[0m and more'"),
        (b"\n\r\n  ", "it said: ''"),
        (b"\xff\xfe" + b"x" * 500, "it said: \ufffd\ufffd" + "x" * 58),
    ],
)
def test_of_a_text_the_first_line_is_told_as_what_can_be_shown(said: bytes, shown: str) -> None:
    with pytest.raises(ServerFailure) as told:
        taken(Frames(), cut_up(said, [7]), together=100)
    assert told.value.message.endswith(shown)
    assert told.value.message.isprintable()
