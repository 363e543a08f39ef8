"""Pieces of what is to be sent: however they are cut and wherever they are put, the same bytes in the same order."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetctl.ssh.stream.pieces import FileRange, Piece, behind, cut, fill
from tests.support.contents import CONTENT, open_content, pieces_of

PARTS = st.lists(st.tuples(st.booleans(), st.integers(0, 300)), max_size=6)
"""Pieces that follow each other in CONTENT: whether of the file, and how long."""
SIZES = st.lists(st.integers(0, 60), max_size=40)


@pytest.fixture(scope="module")
def descriptor() -> Iterator[int]:
    with open_content() as descriptor:
        yield descriptor


def bytes_of(pieces: Sequence[Piece]) -> bytes:
    room = bytearray(sum(map(len, pieces)))
    fill([memoryview(room)], pieces)
    return bytes(room)


def rooms_in(space: bytearray, sizes: Sequence[int]) -> list[memoryview]:
    """One after another, of these sizes, and a last one for all that is left."""
    rooms = []
    left = memoryview(space)
    for size in sizes:
        rooms.append(left[:size])
        left = left[size:]
    return [*rooms, left]


@given(PARTS)
def test_what_is_in_memory_and_in_a_file_comes_in_one_order(descriptor: int, parts: Sequence[tuple[bool, int]]) -> None:
    pieces = pieces_of(descriptor, parts)
    assert bytes_of(pieces) == CONTENT[: sum(map(len, pieces))]


@given(PARTS, SIZES)
def test_rooms_of_any_sizes_are_filled_without_a_gap(
    descriptor: int, parts: Sequence[tuple[bool, int]], sizes: Sequence[int]
) -> None:
    pieces = pieces_of(descriptor, parts)
    total = sum(map(len, pieces))
    space = bytearray(b"-" * 2000)
    fill(rooms_in(space, sizes), pieces)
    assert space[:total] == CONTENT[:total]
    assert set(space[total:]) <= {ord("-")}


@given(PARTS, st.lists(st.integers(0, 400), max_size=8))
def test_nothing_is_lost_or_doubled_however_it_is_cut(
    descriptor: int, parts: Sequence[tuple[bool, int]], sizes: Sequence[int]
) -> None:
    rest: Sequence[Piece] = pieces_of(descriptor, parts)
    total = sum(map(len, rest))
    taken = b""
    for size in sizes:
        first, rest = cut(rest, size)
        assert sum(map(len, first)) == min(size, total - len(taken))
        taken += bytes_of(first)
    assert taken + bytes_of(rest) == CONTENT[:total]


def test_what_is_cut_from_memory_is_no_copy() -> None:
    first, rest = cut([memoryview(CONTENT)], 700)
    assert [piece.obj is CONTENT for piece in (*first, *rest) if isinstance(piece, memoryview)] == [True, True]


@given(SIZES, st.integers(0, 2500))
def test_what_is_left_of_rooms_begins_behind_what_was_taken(sizes: Sequence[int], taken: int) -> None:
    rooms = rooms_in(bytearray(CONTENT), sizes)
    assert b"".join(behind(rooms, taken)) == CONTENT[taken:]


@given(
    st.integers(0, 1200), st.integers(0, 1500), st.integers(1, 500), SIZES, st.lists(st.integers(0, 400), max_size=3)
)
def test_a_file_that_shrank_gives_zeros_and_says_so(
    offset: int, left: int, size: int, sizes: Sequence[int], cuts: Sequence[int]
) -> None:
    """Also when it is found out by a part that was cut off it."""
    with TemporaryFile() as file:
        file.write(CONTENT)
        file.flush()
        whole = FileRange(file.fileno(), offset, size)
        os.truncate(file.fileno(), left)
        space = bytearray(b"-" * 2000)
        rooms: Sequence[memoryview] = rooms_in(space, sizes)
        rest: Sequence[Piece] = [whole]
        for each in [*cuts, size]:
            part, rest = cut(rest, each)
            fill(rooms, part)
            rooms = behind(rooms, sum(map(len, part)))
    there = CONTENT[:left][offset : offset + size]
    assert space[:size] == there + bytes(size - len(there))
    assert set(space[size:]) <= {ord("-")}
    assert isinstance(whole.broken, EOFError) == (len(there) < size)


def test_a_file_that_cannot_be_read_gives_zeros_and_says_why(tmp_path: Path) -> None:
    directory = os.open(tmp_path, os.O_RDONLY)
    whole = FileRange(directory, 0, 40)
    room = bytearray(b"-" * 50)
    fill([memoryview(room)], [whole[3:13], whole[13:]])
    os.close(directory)
    assert room == bytes(37) + b"-" * 13
    assert isinstance(whole.broken, IsADirectoryError)


def test_a_file_that_is_whole_is_not_broken(descriptor: int) -> None:
    whole = FileRange(descriptor, 5, 1000)
    assert (bytes_of([whole]), whole.broken) == (CONTENT[5:1005], None)


def test_a_read_that_gives_less_than_was_asked_for_is_gone_on_with(
    descriptor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As that of a file on a network, or one that a signal met."""
    preadv = os.preadv
    asked: list[int] = []

    def reads_little(where: int, rooms: Sequence[memoryview], offset: int) -> int:
        asked.append(offset)
        return preadv(where, [rooms[0][:7]], offset)

    monkeypatch.setattr(os, "preadv", reads_little)
    space = bytearray(100)
    whole = FileRange(descriptor, 10, 100)
    fill(rooms_in(space, [10, 20, 3]), [whole])
    assert (bytes(space), whole.broken) == (CONTENT[10:110], None)
    assert asked[:4] == [10, 17, 20, 27]


def test_a_read_that_fails_half_way_keeps_what_came(descriptor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    preadv = os.preadv

    def fails_later(where: int, rooms: Sequence[memoryview], offset: int) -> int:
        if offset:
            raise OSError(5, "Input/output error")
        return preadv(where, [rooms[0][:7]], offset)

    monkeypatch.setattr(os, "preadv", fails_later)
    whole = FileRange(descriptor, 0, 20)
    assert bytes_of([whole]) == CONTENT[:7] + bytes(13)
    assert isinstance(whole.broken, OSError)
