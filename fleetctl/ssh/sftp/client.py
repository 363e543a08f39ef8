"""SFTP version 3 over one channel, with many requests under way at once (draft-ietf-secsh-filexfer-02).

paramiko's SFTPClient waits for each answer, loses errors of pipelined writes, and decodes file names; here a
request is posted, answered in any order, and names are bytes. What OpenSSH adds is in its PROTOCOL file.
"""

from __future__ import annotations

import os
import struct
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from fleetctl.errors import ServerFailure, TransferError
from fleetctl.ssh.sftp import format as form
from fleetctl.ssh.sftp.format import Attributes
from fleetctl.ssh.sftp.frames import Frames, junk
from fleetctl.ssh.stream.pieces import Piece

_VERSION = 3
READ, WRITE, CREATE, EXCLUSIVE = 0x01, 0x02, 0x08, 0x20
"""Flags of `open`."""

_POSIX_RENAME = b"posix-rename@openssh.com"
_HARD_LINK = b"hardlink@openssh.com"
_LIMITS = b"limits@openssh.com"
_FILE_SYSTEM = b"statvfs@openssh.com"
_COMMON_REQUEST = 32 * 1024
"""What every server takes (section 3 of the draft)."""
_LARGEST_REQUEST = 255 * 1024
_FLUSH_SIZE = 32 * 1024

_head = struct.Struct(">IBI")
_answer_head = struct.Struct(">BI")
_read_request = struct.Struct(">QI")

_NOTHING = memoryview(b"")

T = TypeVar("T")


class Pipe(Protocol):
    """What SFTP runs over: bytes in order, both ways.

    Raises: EOFError at its end, ours when the connection ended or is silent.
    """

    def send(self, pieces: Sequence[Piece]) -> None: ...

    def receive(self, wanted: int) -> list[memoryview]:
        """All bytes that are there, when they are `wanted` or more."""


class Ticket:
    """A request under way, and in the end its answer."""

    __slots__ = ("answer", "kind", "rest", "waiter", "what")

    def __init__(self, what: str) -> None:
        self.what = what
        self.kind = 0
        self.answer: memoryview | None = None
        self.rest: Sequence[memoryview] = ()  # of much data, the further pieces
        self.waiter: Steps[Any] | None = None

    @property
    def done(self) -> bool:
        return self.answer is not None


Steps = Generator[Ticket, None, T]
"""A piece of work that posts requests and yields each ticket whose answer it needs before it goes on."""


class Sftp:
    """One SFTP conversation. For one thread.

    `post_…` sends a request and returns its Ticket; `result` waits for one; `drive` works on many pieces of work at
    once, so that their round trips overlap. After an exception that is not a TransferError it cannot be used
    further. Besides those documented, each method raises what the pipe does, ServerFailure when the server talks
    nonsense, and struct.error when it cuts it short.

    Args:
        round_trip: seconds that an answer takes at least.
    """

    def __init__(self, pipe: Pipe, round_trip: float = 0.0) -> None:
        self._pipe = pipe
        self.round_trip = round_trip
        self._in = Frames()
        self._out: list[Piece] = []
        self._out_size = 0
        self._next_id = 0
        self._open: dict[int, Ticket] = {}
        self._answered: deque[Ticket] = deque()
        self.extensions = self._greet()
        self.largest_read, self.largest_write = self._limits()

    # What can be asked for

    def open(self, path: str, flags: int, mode: int | None = None, *, shown: str = "") -> Ticket:
        """`shown` is the name that an error is to tell, instead of `path`."""
        what = f"{'write' if flags & WRITE else 'read'} {shown or path}"
        return self._post(form.OPEN, form.string(path) + form.u32.pack(flags) + form.attributes(mode=mode), what)

    def close(self, handle: bytes, path: str) -> Ticket:
        return self._post(form.CLOSE, form.packed(handle), f"finish {path}")

    def read(self, handle: bytes, offset: int, size: int, path: str) -> Ticket:
        return self._post(form.READ, form.packed(handle) + _read_request.pack(offset, size), f"read {path}")

    def write(self, handle: bytes, offset: int, data: Piece, path: str) -> Ticket:
        """`data` is read when it is sent, at the latest when the answer is waited for."""
        head = b"%b%b%b" % (form.packed(handle), form.u64.pack(offset), form.u32.pack(len(data)))
        return self._post(form.WRITE, head, f"write {path}", data)

    def stat(self, path: str) -> Ticket:
        return self._post(form.STAT, form.string(path), f"look at {path}")

    def lstat(self, path: str) -> Ticket:
        return self._post(form.LSTAT, form.string(path), f"look at {path}")

    def fstat(self, handle: bytes, path: str) -> Ticket:
        return self._post(form.FSTAT, form.packed(handle), f"look at {path}")

    def setstat(self, path: str, **attributes: Any) -> Ticket:
        return self._post(
            form.SETSTAT, form.string(path) + form.attributes(**attributes), f"set the attributes of {path}"
        )

    def fsetstat(self, handle: bytes, path: str, **attributes: Any) -> Ticket:
        return self._post(
            form.FSETSTAT, form.packed(handle) + form.attributes(**attributes), f"set the attributes of {path}"
        )

    def opendir(self, path: str) -> Ticket:
        return self._post(form.OPENDIR, form.string(path), f"read the directory {path}")

    def readdir(self, handle: bytes, path: str) -> Ticket:
        return self._post(form.READDIR, form.packed(handle), f"read the directory {path}")

    def mkdir(self, path: str, mode: int | None = None) -> Ticket:
        return self._post(form.MKDIR, form.string(path) + form.attributes(mode=mode), f"make the directory {path}")

    def remove(self, path: str) -> Ticket:
        return self._post(form.REMOVE, form.string(path), f"remove {path}")

    def rmdir(self, path: str) -> Ticket:
        return self._post(form.RMDIR, form.string(path), f"remove the directory {path}")

    def realpath(self, path: str) -> Ticket:
        return self._post(form.REALPATH, form.string(path), f"resolve {path}")

    def readlink(self, path: str) -> Ticket:
        return self._post(form.READLINK, form.string(path), f"read the link {path}")

    def symlink(self, target: str, path: str) -> Ticket:
        """OpenSSH takes the two in this order, and the draft in the other; everyone follows OpenSSH."""
        return self._post(form.SYMLINK, form.string(target) + form.string(path), f"make the link {path}")

    def rename(self, old: str, new: str) -> Ticket:
        """Fails where `new` exists."""
        return self._post(form.RENAME, form.string(old) + form.string(new), f"rename {old} to {new}")

    def posix_rename(self, old: str, new: str) -> Ticket:
        """Takes the place of `new` in one step. Only where `replaces`."""
        return self._extended(_POSIX_RENAME, form.string(old) + form.string(new), f"put {new} in place")

    def hard_link(self, old: str, new: str) -> Ticket:
        """Only where `links`."""
        return self._extended(_HARD_LINK, form.string(old) + form.string(new), f"link {old} as {new}")

    def file_system(self, path: str) -> Ticket:
        """For `free`. Only where `tells_space`."""
        return self._extended(_FILE_SYSTEM, form.string(path), f"look at the file system of {path}")

    @property
    def tells_space(self) -> bool:
        return _FILE_SYSTEM in self.extensions

    @property
    def replaces(self) -> bool:
        return _POSIX_RENAME in self.extensions

    @property
    def links(self) -> bool:
        return _HARD_LINK in self.extensions

    # What is answered

    def expect_ok(self, ticket: Ticket) -> None:
        """Raises: TransferError when the request failed."""
        kind, answer = _answer_of(ticket)
        if kind != form.STATUS:
            raise _unexpected(kind, ticket)
        failure = form.failure(answer, ticket.what)
        if failure is not None:
            raise failure

    def handle(self, ticket: Ticket) -> bytes:
        """The handle that `open` or `opendir` gave. Raises: TransferError."""
        return bytes(form.take_string(self._expected(ticket, form.HANDLE), 0)[0])

    def data(self, ticket: Ticket) -> Sequence[memoryview]:
        """What a `read` gave, in pieces as it came; none at the end of the file. Raises: TransferError."""
        if ticket.kind == form.STATUS and form.code(_answer_of(ticket)[1]) == form.EOF:
            return ()
        answer = self._expected(ticket, form.DATA)
        if not ticket.rest:
            whole, _ = form.take_string(answer, 0)
            return [whole] if whole else ()
        (size,) = form.u32.unpack_from(answer)
        data = [answer[form.u32.size :], *ticket.rest]
        if sum(map(len, data)) != size:
            raise ServerFailure("the SFTP server sent a broken answer")
        return data

    def free(self, ticket: Ticket) -> int:
        """The bytes that are free on a `file_system`. Raises: TransferError."""
        _, block_size, _, _, blocks = struct.unpack_from(">QQQQQ", self._expected(ticket, form.EXTENDED_REPLY))
        return int(block_size * blocks)

    def attributes(self, ticket: Ticket) -> Attributes:
        """Raises: TransferError."""
        return form.take_attributes(self._expected(ticket, form.ATTRS), 0)[0]

    def names(self, ticket: Ticket) -> list[tuple[str, Attributes]] | None:
        """What a `readdir`, `realpath` or `readlink` gave; None at the end of a directory. Raises: TransferError."""
        if ticket.kind == form.STATUS and form.code(_answer_of(ticket)[1]) == form.EOF:
            return None
        answer = self._expected(ticket, form.NAME)
        (count,) = form.u32.unpack_from(answer, 0)
        place = 4
        found = []
        for _ in range(count):
            name, place = form.take_string(answer, place)
            _, place = form.take_string(answer, place)
            attributes, place = form.take_attributes(answer, place)
            found.append((os.fsdecode(bytes(name)), attributes))
        return found

    def name(self, ticket: Ticket) -> str:
        """The one name of a `realpath` or `readlink`. Raises: TransferError."""
        found = self.names(ticket)
        if not found:
            raise ServerFailure(f"cannot {ticket.what}: the server gave no name")
        return found[0][0]

    # Waiting

    def result(self, ticket: Ticket) -> Ticket:
        """The ticket, when it is answered."""
        while not ticket.done:
            self._take_in()
        self._answered.clear()
        return ticket

    def run(self, steps: Steps[T]) -> T:
        """Do one piece of work to its end."""
        try:
            while True:
                self.result(next(steps))
        except StopIteration as end:
            value: T = end.value
            return value

    def drive(self, works: Iterable[Steps[T]], width: int) -> Iterator[T]:
        """Do many pieces of work, up to `width` at once, and hand over what each returns as it ends."""
        waiting = iter(works)
        under_way: set[Steps[T]] = set()
        try:
            while True:
                while len(under_way) < width and (work := next(waiting, None)) is not None:
                    under_way.add(work)
                    yield from self._advance(work, under_way)  # which may end it at once, and so make room
                if not under_way:
                    return
                while not self._answered:
                    self._take_in()
                ticket = self._answered.popleft()
                if ticket.waiter is not None:
                    yield from self._advance(ticket.waiter, under_way)
        finally:
            for work in under_way:
                work.close()

    def _advance(self, work: Steps[T], under_way: set[Steps[T]]) -> Iterator[T]:
        """Let a piece of work go on until it waits. Yields: what it returns, if it ends."""
        try:
            while (ticket := next(work)).done:
                pass
            ticket.waiter = work
        except StopIteration as end:
            under_way.discard(work)
            yield end.value

    # The wire

    def _post(self, kind: int, payload: bytes, what: str, data: Piece = _NOTHING) -> Ticket:
        number = self._next_id
        self._next_id = (number + 1) & 0xFFFF_FFFF
        ticket = self._open[number] = Ticket(what)
        self._out.append(memoryview(_head.pack(5 + len(payload) + len(data), kind, number) + payload))
        if len(data):
            self._out.append(data)
        self._out_size += 9 + len(payload) + len(data)
        if self._out_size >= _FLUSH_SIZE:
            self.flush()
        return ticket

    def _extended(self, name: bytes, payload: bytes, what: str) -> Ticket:
        return self._post(form.EXTENDED, form.packed(name) + payload, what)

    def flush(self) -> None:
        """Send what was posted, before a wait for something else than an answer."""
        if self._out:
            pieces, self._out, self._out_size = self._out, [], 0
            self._pipe.send(pieces)

    def _take_in(self) -> None:
        """Wait until something is answered, or a packet's length is known; note all answers that are there."""
        for packet in self._packets():
            self._note(packet)

    def _packets(self) -> Iterator[list[memoryview]]:
        self.flush()
        while missing := self._in.missing:
            self._in.feed(self._pipe.receive(missing))
        return self._in.packets()

    def _note(self, packet: list[memoryview]) -> None:
        first = packet[0]
        kind, number = _answer_head.unpack_from(first)
        ticket = self._open.pop(number, None)
        if ticket is None:
            raise ServerFailure("the server answered what was not asked", hint="is its SFTP server a sound one?")
        if len(packet) > 1 and kind == form.DATA:
            ticket.rest = packet[1:]
        elif len(packet) > 1:
            first = memoryview(b"".join(packet))
        ticket.kind = kind
        ticket.answer = first[_answer_head.size :]
        self._answered.append(ticket)

    def _greet(self) -> dict[bytes, bytes]:
        self._pipe.send([memoryview(struct.pack(">IBI", 5, form.INIT, _VERSION))])
        replies: list[list[memoryview]] = []
        while not replies:
            replies += self._packets()
        (pieces,) = replies
        reply = memoryview(b"".join(pieces))
        if reply[0] != form.VERSION_REPLY:
            raise junk(reply)
        extensions: dict[bytes, bytes] = {}
        place = 5
        while place < len(reply):
            name, place = form.take_string(reply, place)
            value, place = form.take_string(reply, place)
            extensions[bytes(name)] = bytes(value)
        return extensions

    def _limits(self) -> tuple[int, int]:
        """The largest read and write that the server takes (OpenSSH's PROTOCOL, 4.8)."""
        if _LIMITS not in self.extensions:
            return _COMMON_REQUEST, _COMMON_REQUEST
        ticket = self.result(self._extended(_LIMITS, b"", "learn the limits of the server"))
        if ticket.kind != form.EXTENDED_REPLY or ticket.answer is None or len(ticket.answer) < 32:
            return _COMMON_REQUEST, _COMMON_REQUEST
        _, read, write, _ = struct.unpack_from(">QQQQ", ticket.answer)
        return min(read or _COMMON_REQUEST, _LARGEST_REQUEST), min(write or _COMMON_REQUEST, _LARGEST_REQUEST)

    def _expected(self, ticket: Ticket, kind: int) -> memoryview:
        given, answer = _answer_of(ticket)
        if given == kind:
            return answer
        failure = form.failure(answer, ticket.what) if given == form.STATUS else None
        raise failure or _unexpected(given, ticket)


def _answer_of(ticket: Ticket) -> tuple[int, memoryview]:
    if ticket.answer is None:
        raise ServerFailure(f"cannot {ticket.what}: there is no answer yet")
    return ticket.kind, ticket.answer


def _unexpected(kind: int, ticket: Ticket) -> TransferError:
    return ServerFailure(f"cannot {ticket.what}: the server answered with a message of type {kind}")
