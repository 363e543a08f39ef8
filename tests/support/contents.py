"""A file of known bytes, and pieces of it: from the file and from memory."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from tempfile import TemporaryFile

from fleetctl.ssh.stream.pieces import FileRange, Piece

CONTENT = random.Random(1).randbytes(4000)


@contextmanager
def open_content() -> Iterator[int]:
    """A descriptor of a file with CONTENT."""
    with TemporaryFile() as file:
        file.write(CONTENT)
        file.flush()
        yield file.fileno()


def pieces_of(descriptor: int, parts: Sequence[tuple[bool, int]]) -> list[Piece]:
    """Pieces that follow each other in CONTENT: whether of the file, and how long."""
    made: list[Piece] = []
    place = 0
    for in_file, size in parts:
        made.append(FileRange(descriptor, place, size) if in_file else memoryview(CONTENT)[place : place + size])
        place += size
    return made
