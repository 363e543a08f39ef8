"""Listings of a server that never come to an end are given up, whatever they hold."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from fleetctl.errors import TooMuch
from fleetctl.ssh.sftp.client import Sftp
from fleetctl.ssh.sftp.format import Attributes
from fleetctl.transfer.patterns import Filter
from fleetctl.transfer.remote import Walk, listing
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
from tests.support.sftp.wire import Attributes as Told

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


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ((), "the listing of some/where has no end, and no names"),
        ((".", ".."), "the listing of some/where has no end, and no names"),
        (("x",), "some/where lists more than 150 names"),
        (tuple("abcdefgh"), "some/where lists more than 150 names"),
    ],
)
def test_a_listing_without_end_is_given_up_and_named(names: tuple[str, ...], words: str) -> None:
    """Also one that says nothing, or nothing new: it brings no names that could be too many."""
    server = listed(for_ever(*map(named, names)))
    sftp = Sftp(server)
    with pytest.raises(TooMuch, match=f"^{words}$"):
        sftp.run(listing(sftp, "some/where", 150))
    sftp.flush()
    asked = [request[0] for request in server.requests]
    assert asked.count(READDIR) <= 154
    assert asked[-1] == CLOSE


def test_an_empty_answer_is_not_the_end() -> None:
    nothing = told_names([])
    sftp = Sftp(listed([nothing, told_names([named("x")]), nothing, nothing, told_names([named("y")])]))
    assert [name for name, _ in sftp.run(listing(sftp, "d", 60))] == ["x", "y"]


def test_a_walk_has_a_bound_on_all_that_it_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left out, and told, takes as much memory as what is taken."""
    monkeypatch.setattr("fleetctl.transfer.remote.MOST_ENTRIES", 100)
    pipes = [Named(b"%d" % number, Told(mode=0o010644)) for number in range(60)]
    walk = Walk(Sftp(listed([told_names(pipes), told_names(pipes)])), Filter(), "copy")
    with pytest.raises(TooMuch, match="more than 100 files and directories"):
        walk.take("d", "d", Attributes(mode=0o040755), recursive=True)
    assert len(walk.found.skipped) <= 160
