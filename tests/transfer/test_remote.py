"""Listings of a server that never come to an end are given up, whatever they hold."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from fleetctl.errors import TooMuch
from fleetctl.ssh.sftp import Sftp
from fleetctl.transfer.remote import listing
from tests.support.sftp.scripted import Scripted
from tests.support.sftp.wire import (
    END_OF_FILE,
    HANDLE,
    OK,
    Answer,
    Named,
    framed,
    named,
    status,
    string,
    told_names,
)

OPENDIR, READDIR, CLOSE = 11, 12, 4


def listed(answers: Iterable[Answer]) -> Scripted:
    """A server with one directory, whose listing comes so."""
    coming = iter(answers)

    def answer(request: bytes) -> bytes:
        kind, payload = {
            OPENDIR: lambda: (HANDLE, string(b"handle")),
            READDIR: lambda: next(coming, status(END_OF_FILE)),
            CLOSE: lambda: status(OK),
        }[request[0]]()
        return framed(kind, request[1:5] + payload)

    return Scripted(answer)


def for_ever(*names: Named) -> Iterable[Answer]:
    while True:
        yield told_names(list(names))


@pytest.mark.parametrize("names", [(), (".", ".."), ("x",), tuple("abcdefgh")])
def test_a_listing_without_end_is_given_up_and_named(names: tuple[str, ...]) -> None:
    """Also one that says nothing, or nothing new: it brings no names that could be too many."""
    server = listed(for_ever(*map(named, names)))
    sftp = Sftp(server)
    with pytest.raises(TooMuch, match=r"^some/where lists more than 60 names$"):
        sftp.run(listing(sftp, "some/where", 60))
    sftp.flush()
    asked = [request[0] for request in server.requests]
    assert asked.count(READDIR) <= 64
    assert asked[-1] == CLOSE


def test_an_empty_answer_is_not_the_end() -> None:
    nothing = told_names([])
    sftp = Sftp(listed([nothing, told_names([named("x")]), nothing, nothing, told_names([named("y")])]))
    assert [name for name, _ in sftp.run(listing(sftp, "d", 60))] == ["x", "y"]
