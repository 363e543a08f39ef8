"""One input for many hosts: everyone gets all of it, each at its own pace."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetctl.errors import FleetError
from fleetctl.operations.stdin import Broadcast


@contextmanager
def piped() -> Iterator[tuple[Broadcast, int]]:
    """A broadcast, and the end of the pipe that feeds it."""
    read, write = os.pipe()
    try:
        with Broadcast(read) as broadcast:
            yield broadcast, write
    finally:
        os.close(read)


def everything(broadcast: Broadcast) -> bytes:
    """All there is up to the end, as a host reads it."""
    data = b""
    while (more := broadcast.read(len(data), 10)) != b"":
        assert more is not None, "it never ended"
        data += more
    return data


@given(pieces=st.lists(st.binary(min_size=1, max_size=3000), max_size=20))
def test_every_reader_gets_every_byte(pieces: list[bytes]) -> None:
    with piped() as (broadcast, write):
        heard: list[bytes] = []
        readers = [threading.Thread(target=lambda: heard.append(everything(broadcast))) for _ in range(3)]
        for reader in readers:
            reader.start()
        for piece in pieces:
            os.write(write, piece)
        os.close(write)
        for reader in readers:
            reader.join(20)
        assert heard == [b"".join(pieces)] * 3


def test_who_comes_late_misses_nothing() -> None:
    with piped() as (broadcast, write):
        os.write(write, b"first ")
        assert broadcast.read(0, 10) == b"first "
        os.write(write, b"second")
        os.close(write)
        assert everything(broadcast) == b"first second"


def test_an_input_that_stays_open_keeps_nobody_waiting() -> None:
    with piped() as (broadcast, write):
        os.write(write, b"some")
        assert broadcast.read(0, 10) == b"some"
        assert broadcast.read(4, 0.01) is None
        os.close(write)


def test_what_nobody_reads_is_left_alone() -> None:
    read, write = os.pipe()
    os.write(write, b"not mine")
    with Broadcast(read):
        pass
    assert os.read(read, 100) == b"not mine"
    os.close(read)
    os.close(write)


def test_an_input_that_breaks_off_is_an_error_and_not_an_end(tmp_path: Path) -> None:
    directory = os.open(tmp_path, os.O_RDONLY)
    with Broadcast(directory) as broadcast, pytest.raises(FleetError, match="broke off after 0 bytes: Is a directory"):
        broadcast.read(0, 10)
    os.close(directory)
