"""SFTP over a pipe in memory: answers find their requests in any order, and no bytes of a server do more than fail."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetctl.errors import AccessDenied, NoSpace, NoSuchFile, ServerFailure, TransferError
from fleetctl.ssh.sftp.client import CREATE, WRITE, Sftp, Steps, Ticket
from fleetctl.ssh.stream.pieces import FileRange
from tests.support.sftp.scripted import MOST_REQUESTS, Scripted
from tests.support.sftp.wire import (
    ATTRIBUTES,
    DATA,
    END_OF_FILE,
    EXTENDED_REPLY,
    FAILURE,
    HANDLE,
    NAME,
    NO_SPACE,
    NO_SUCH_FILE,
    OK,
    PERMISSION_DENIED,
    STATUS,
    UNSUPPORTED,
    VERSION,
    Attributes,
    Named,
    Status,
    framed,
    named,
    status,
    string,
    told_names,
)

FOUND = (TransferError, struct.error, EOFError)
"""What a conversation may raise, as Session.sftp has it."""


def answer(request: bytes, kind: int, payload: bytes) -> bytes:
    return framed(kind, request[1:5] + payload)


def always(kind: int, payload: bytes) -> Callable[[bytes], bytes]:
    return lambda request: answer(request, kind, payload)


def says(what: Status) -> Callable[[bytes], bytes]:
    return always(*status(what))


def sound(request: bytes) -> bytes:
    """Something that fits each kind of request."""
    kinds: dict[int, tuple[int, bytes]] = {
        3: (HANDLE, string(b"h")),
        5: (DATA, string(b"data")),
        7: (ATTRIBUTES, named("x").attributes.packed()),
        8: (ATTRIBUTES, named("x").attributes.packed()),
        11: (HANDLE, string(b"h")),
        12: told_names([named("x"), named("y")]),
        16: told_names([Named(b"/real", Attributes())]),
        17: (ATTRIBUTES, named("x").attributes.packed()),
        19: told_names([Named(b"target", Attributes())]),
        200: (EXTENDED_REPLY, struct.pack(">QQQQ", 256 * 1024, 200_000, 100_000, 0)),
    }
    return answer(request, *kinds.get(request[0], status(OK)))


def asks_for_everything(sftp: Sftp) -> None:
    """Each kind of request once, and what is made of its answer."""
    handle = sftp.handle(sftp.result(sftp.open("x", WRITE | CREATE, 0o644)))
    for ticket in (
        sftp.write(handle, 0, memoryview(b"data"), "x"),
        sftp.fsetstat(handle, "x", mode=0o600, mtime=1, owner=(0, 0)),
        sftp.setstat("x", mtime=-1),
        sftp.mkdir("d", 0o755),
        sftp.rename("x", "y"),
        sftp.symlink("x", "y"),
        sftp.remove("x"),
        sftp.rmdir("d"),
        sftp.close(handle, "x"),
    ):
        sftp.expect_ok(sftp.result(ticket))
    for ticket in (sftp.stat("x"), sftp.lstat("x"), sftp.fstat(handle, "x")):
        assert sftp.attributes(sftp.result(ticket)).kind in {"file", "directory", "link", "other"}
    sftp.data(sftp.result(sftp.read(handle, 0, 4, "x")))
    sftp.names(sftp.result(sftp.readdir(sftp.handle(sftp.result(sftp.opendir("d"))), "d")))
    sftp.name(sftp.result(sftp.realpath(".")))
    sftp.name(sftp.result(sftp.readlink("x")))


# What is said


def test_every_request_gets_the_answer_that_fits_it() -> None:
    pipe = Scripted(sound)
    asks_for_everything(Sftp(pipe))
    assert {request[0] for request in pipe.requests} == {1, *range(3, 21)}


@pytest.mark.parametrize(
    ("what", "kind", "message"),
    [
        (NO_SUCH_FILE, NoSuchFile, "cannot look at x: no such file or directory"),
        (PERMISSION_DENIED, AccessDenied, "cannot look at x: permission denied"),
        (NO_SPACE, NoSpace, "cannot look at x: no space left on device"),
        (Status(4, "Disk quota exceeded"), NoSpace, "cannot look at x: disk quota exceeded"),
        (FAILURE, ServerFailure, "cannot look at x: the server says 'Failure'"),
        (Status(4, ""), ServerFailure, "cannot look at x: the server says 4"),
        (UNSUPPORTED, ServerFailure, "cannot look at x: the server cannot do that"),
        (Status(99, "Oops"), ServerFailure, "cannot look at x: the server says 'Oops'"),
    ],
)
def test_a_refusal_is_told_in_our_words(what: Status, kind: type[TransferError], message: str) -> None:
    sftp = Sftp(Scripted(says(what)))
    with pytest.raises(TransferError) as told:
        sftp.attributes(sftp.result(sftp.stat("x")))
    assert (type(told.value), told.value.message) == (kind, message)


def test_a_bare_code_is_a_refusal_too() -> None:
    """Servers of version 2 and before send no text."""
    sftp = Sftp(Scripted(always(STATUS, struct.pack(">I", 4))))
    with pytest.raises(ServerFailure, match="the server says 4"):
        sftp.expect_ok(sftp.result(sftp.remove("x")))


def test_the_end_is_no_failure() -> None:
    sftp = Sftp(Scripted(says(END_OF_FILE)))
    assert len(sftp.data(sftp.result(sftp.read(b"h", 0, 4, "x")))) == 0
    assert sftp.names(sftp.result(sftp.readdir(b"h", "x"))) is None


def test_success_in_the_place_of_an_answer_is_no_answer() -> None:
    sftp = Sftp(Scripted(says(OK)))
    for ask in (sftp.stat, sftp.lstat, sftp.readlink, sftp.realpath):
        ticket = sftp.result(ask("x"))
        with pytest.raises(ServerFailure, match="message of type 101"):
            (sftp.attributes if ask in {sftp.stat, sftp.lstat} else sftp.name)(ticket)


def test_an_answer_of_another_kind_is_told() -> None:
    for kind in (ATTRIBUTES, DATA, HANDLE, NAME, 255):
        sftp = Sftp(Scripted(always(kind, bytes(100))))
        with pytest.raises(ServerFailure, match=f"message of type {kind}"):
            sftp.expect_ok(sftp.result(sftp.remove("x")))


def test_a_link_without_a_target_is_told() -> None:
    sftp = Sftp(Scripted(always(*told_names([]))))
    with pytest.raises(ServerFailure, match="gave no name"):
        sftp.name(sftp.result(sftp.readlink("x")))


def test_names_are_bytes() -> None:
    raw = bytes(range(1, 256))
    sftp = Sftp(Scripted(always(*told_names([Named(raw, Attributes())]))))
    ((name, _),) = sftp.names(sftp.result(sftp.readdir(b"h", "d"))) or []
    assert name.encode(errors="surrogateescape") == raw
    sftp.result(sftp.stat(name))


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (b"", (32_768, 32_768)),
        (struct.pack(">QQQQ", 0, 0, 0, 0), (32_768, 32_768)),
        (struct.pack(">QQQQ", 0, 1 << 63, 5, 0), (255 * 1024, 5)),
        (struct.pack(">QQQQ", 0, 1000, 0, 0), (1000, 32_768)),
    ],
)
def test_limits_are_believed_within_reason(limits: bytes, expected: tuple[int, int]) -> None:
    hello = framed(VERSION, struct.pack(">I", 3) + string(b"limits@openssh.com") + string(b"1"))
    sftp = Sftp(Scripted(always(EXTENDED_REPLY, limits), hello))
    assert (sftp.largest_read, sftp.largest_write) == expected


def test_what_was_read_from_a_file_too_short_is_filled_up_and_told() -> None:
    pipe = Scripted(sound)
    sftp = Sftp(pipe)
    with open("/dev/null", "rb") as file:
        data = FileRange(file.fileno(), 0, 5)
        sftp.expect_ok(sftp.result(sftp.write(b"h", 0, data, "x")))
    assert pipe.requests[-1].endswith(struct.pack(">I", 5) + bytes(5))
    assert isinstance(data.broken, EOFError)


# In any order, in any pieces


@given(st.permutations(range(12)), st.lists(st.integers(1, 40), max_size=5))
def test_answers_find_their_requests(order: Sequence[int], cuts: list[int]) -> None:
    held: list[bytes] = []

    def late(request: bytes) -> bytes:
        held.append(answer(request, DATA, string(request[-12:])))
        return b"".join(held[place] for place in order) if len(held) == len(order) else b""

    sftp = Sftp(Scripted(late, cuts=cuts))
    tickets = [sftp.read(b"h", place, place + 1, "x") for place in range(len(order))]
    for place, ticket in enumerate(tickets):
        assert b"".join(sftp.data(sftp.result(ticket))) == struct.pack(">QI", place, place + 1)


@given(st.lists(st.integers(1, 60), max_size=6))
def test_pieces_may_end_anywhere(cuts: list[int]) -> None:
    asks_for_everything(Sftp(Scripted(sound, cuts=cuts)))


# Nonsense


@given(st.binary(max_size=300), st.lists(st.integers(1, 60), max_size=4))
def test_garbage_in_the_place_of_a_greeting_fails(garbage: bytes, cuts: list[int]) -> None:
    with pytest.raises(FOUND):
        asks_for_everything(Sftp(Scripted(lambda _: b"", garbage, cuts)))


@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=80)), min_size=1), st.integers(1, 60))
def test_garbage_in_proper_packets_fails_or_fits(payloads: list[tuple[int, bytes]], cut: int) -> None:
    """Each with the right number, so that it is looked into."""
    turns = iter(payloads * MOST_REQUESTS)
    with_failures(lambda request: answer(request, *next(turns)), cut)


@given(st.integers(0, 18), st.integers(0, 60), st.integers(0, 255))
def test_a_byte_that_is_another_fails_or_fits(nth: int, place: int, value: int) -> None:
    def bent(request: bytes) -> bytes:
        right = bytearray(sound(request))
        if request[1:5] == struct.pack(">I", nth):
            right[place % len(right)] = value
        return bytes(right)

    with_failures(bent)


@given(st.integers(0, 18), st.integers(1, 60))
def test_answers_that_end_early_fail_or_fit(nth: int, missing: int) -> None:
    """With a length that says so, and then without."""

    def short(request: bytes) -> bytes:
        right = sound(request)[4:]
        if request[1:5] == struct.pack(">I", nth):
            right = right[: max(5, len(right) - missing)]
        return struct.pack(">I", len(right)) + right

    def cut(request: bytes) -> bytes:
        right = sound(request)
        return right[: max(0, len(right) - missing)] if request[1:5] == struct.pack(">I", nth) else right

    with_failures(short)
    with_failures(cut)


def with_failures(answers: Callable[[bytes], bytes], cut: int = 0) -> None:
    """All requests are made, and fail as they may or not at all."""
    with suppress(*FOUND):
        asks_for_everything(Sftp(Scripted(answers, cuts=(cut,) if cut else ())))


@pytest.mark.parametrize("size", [0, 4, 1024 * 1024 + 1, 0xFFFF_FFFF])
def test_a_length_that_cannot_be_is_told_before_it_is_waited_for(size: int) -> None:
    sftp = Sftp(Scripted(lambda _: struct.pack(">I", size) + bytes(100)))
    with pytest.raises(ServerFailure, match="does not speak SFTP"):
        sftp.result(sftp.stat("x"))


def test_an_answer_to_nothing_is_told() -> None:
    sftp = Sftp(Scripted(lambda request: sound(request) * 2))
    ticket = sftp.stat("x")
    with pytest.raises(ServerFailure, match="not asked"):
        sftp.result(ticket)


def test_a_count_of_names_that_are_not_there_costs_nothing() -> None:
    sftp = Sftp(Scripted(always(NAME, struct.pack(">I", 0xFFFF_FFFF))))
    ticket = sftp.result(sftp.readdir(b"h", "d"))
    with pytest.raises(FOUND):
        sftp.names(ticket)


# Many pieces of work at once


def reads(sftp: Sftp, name: str, count: int) -> Steps[str]:
    for place in range(count):
        ticket = sftp.read(b"h", place, 1, name)
        yield ticket
        sftp.data(ticket)
    return name


def test_work_overlaps_and_is_handed_over_as_it_ends() -> None:
    pipe = Scripted(sound)
    sftp = Sftp(pipe)
    done = list(sftp.drive((reads(sftp, f"{count}", count) for count in (3, 1, 2, 0)), 4))
    assert done == ["0", "1", "2", "3"]
    assert [struct.unpack(">Q", request[-12:-4])[0] for request in pipe.requests[1:]] == [0, 0, 0, 1, 1, 2]


@given(st.lists(st.integers(0, 4), max_size=12), st.integers(1, 5))
def test_no_more_than_so_many_at_once(counts: list[int], width: int) -> None:
    under_way = 0
    most = 0

    def counted(sftp: Sftp, count: int) -> Steps[int]:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        yield from reads(sftp, "x", count)
        under_way -= 1
        return count

    sftp = Sftp(Scripted(sound))
    assert sorted(sftp.drive((counted(sftp, count) for count in counts), width)) == sorted(counts)
    assert most <= width


@pytest.mark.parametrize("ends", ["left", "raised", "broken"])
def test_work_that_is_not_finished_is_closed(ends: str) -> None:
    closed: list[int] = []

    def endless(sftp: Sftp, number: int) -> Steps[int]:
        try:
            for _ in range(20 if number else 2):
                yield sftp.read(b"h", number, 1, "x")
            if ends == "raised" and not number:
                raise NoSpace("full")
            return number
        finally:
            closed.append(number)

    def answers(request: bytes) -> bytes:
        return b"" if ends == "broken" and struct.unpack(">I", request[1:5])[0] > 5 else sound(request)

    sftp = Sftp(Scripted(answers))
    driven: Iterator[int] = sftp.drive((endless(sftp, number) for number in range(3)), 3)
    if ends == "left":
        assert next(driven) == 0
        driven.close()  # type: ignore[attr-defined]
    else:
        with pytest.raises(NoSpace if ends == "raised" else EOFError):
            list(driven)
    assert sorted(closed) == [0, 1, 2]


def test_work_that_ends_at_once_does_not_end_the_rest() -> None:
    """As that on files which turn out to be gone: all of a width of them."""
    sftp = Sftp(Scripted(sound))
    done = list(sftp.drive((reads(sftp, f"{number}", number // 9) for number in range(12)), 4))
    assert sorted(done, key=int) == [f"{number}" for number in range(12)]


def test_an_answer_that_has_come_already_is_not_waited_for() -> None:
    sftp = Sftp(Scripted(sound))
    early = sftp.result(sftp.stat("x"))

    def work() -> Steps[Ticket]:
        yield early
        return early

    assert list(sftp.drive([work()], 1)) == [early]
    assert sftp.run(work()) is early
