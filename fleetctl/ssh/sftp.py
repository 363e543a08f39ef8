"""SFTP version 3 over one channel, with many requests under way at once (draft-ietf-secsh-filexfer-02).

paramiko's SFTPClient waits for each answer, loses errors of pipelined writes, and decodes file names; here a
request is posted, answered in any order, and names are bytes. What OpenSSH adds is in its PROTOCOL file.
"""

from __future__ import annotations

import os
import re
import struct
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Any, Literal, Protocol, TypeVar

import msgspec

from fleetctl.errors import AccessDenied, NoSpace, NoSuchFile, ServerFailure, TransferError
from fleetctl.ssh.pieces import Piece

_VERSION = 3
_INIT, _VERSION_REPLY = 1, 2
_OPEN, _CLOSE, _READ, _WRITE, _LSTAT, _FSTAT, _SETSTAT, _FSETSTAT, _OPENDIR, _READDIR = range(3, 13)
_REMOVE, _MKDIR, _RMDIR, _REALPATH, _STAT, _RENAME, _READLINK, _SYMLINK = range(13, 21)
_EXTENDED = 200
_STATUS, _HANDLE, _DATA, _NAME, _ATTRS = range(101, 106)
_EXTENDED_REPLY = 201

_OK, _EOF, _NO_SUCH_FILE, _PERMISSION_DENIED = range(4)
_UNSUPPORTED = 8

_HAS_SIZE, _HAS_OWNER, _HAS_MODE, _HAS_TIMES, _HAS_MORE = 1, 2, 4, 8, 0x80000000

READ, WRITE, CREATE, EXCLUSIVE = 0x01, 0x02, 0x08, 0x20
"""Flags of `open`."""

_POSIX_RENAME = b"posix-rename@openssh.com"
_HARD_LINK = b"hardlink@openssh.com"
_LIMITS = b"limits@openssh.com"
_FILE_SYSTEM = b"statvfs@openssh.com"
_COMMON_REQUEST = 32 * 1024
"""What every server takes (section 3 of the draft)."""
_LARGEST_REQUEST = 255 * 1024
_LARGEST_REPLY = 1024 * 1024
_FLUSH_SIZE = 32 * 1024
_JUNK_SHOWN = 60

_u32 = struct.Struct(">I")
_u64 = struct.Struct(">Q")
_head = struct.Struct(">IBI")
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


class Attributes(msgspec.Struct, frozen=True, gc=False):
    """What a server tells of a file; None where it does not."""

    size: int | None = None
    uid: int | None = None
    gid: int | None = None
    mode: int | None = None
    mtime: int | None = None

    @property
    def kind(self) -> Literal["file", "directory", "link", "other"]:
        """`file`, `directory`, `link` or `other` (stat(2): S_IFMT)."""
        return _KINDS.get((self.mode or 0) & 0o170000, "other")

    @property
    def permissions(self) -> int:
        return (self.mode or 0) & 0o7777


_KINDS: dict[int, Literal["file", "directory", "link"]] = {0o100000: "file", 0o040000: "directory", 0o120000: "link"}


class Ticket:
    """A request under way, and in the end its answer."""

    __slots__ = ("answer", "kind", "waiter", "what")

    def __init__(self, what: str) -> None:
        self.what = what
        self.kind = 0
        self.answer: memoryview | None = None
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
    """

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._in: list[memoryview] = []
        self._in_size = 0
        self._needed = 4
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
        return self._post(_OPEN, _string(path) + _u32.pack(flags) + _attributes(mode=mode), what)

    def close(self, handle: bytes, path: str) -> Ticket:
        return self._post(_CLOSE, _packed(handle), f"finish {path}")

    def read(self, handle: bytes, offset: int, size: int, path: str) -> Ticket:
        return self._post(_READ, _packed(handle) + _read_request.pack(offset, size), f"read {path}")

    def write(self, handle: bytes, offset: int, data: Piece, path: str) -> Ticket:
        """`data` is read when it is sent, at the latest when the answer is waited for."""
        head = b"%b%b%b" % (_packed(handle), _u64.pack(offset), _u32.pack(len(data)))
        return self._post(_WRITE, head, f"write {path}", data)

    def stat(self, path: str) -> Ticket:
        return self._post(_STAT, _string(path), f"look at {path}")

    def lstat(self, path: str) -> Ticket:
        return self._post(_LSTAT, _string(path), f"look at {path}")

    def fstat(self, handle: bytes, path: str) -> Ticket:
        return self._post(_FSTAT, _packed(handle), f"look at {path}")

    def setstat(self, path: str, **attributes: Any) -> Ticket:
        return self._post(_SETSTAT, _string(path) + _attributes(**attributes), f"set the attributes of {path}")

    def fsetstat(self, handle: bytes, path: str, **attributes: Any) -> Ticket:
        return self._post(_FSETSTAT, _packed(handle) + _attributes(**attributes), f"set the attributes of {path}")

    def opendir(self, path: str) -> Ticket:
        return self._post(_OPENDIR, _string(path), f"read the directory {path}")

    def readdir(self, handle: bytes, path: str) -> Ticket:
        return self._post(_READDIR, _packed(handle), f"read the directory {path}")

    def mkdir(self, path: str, mode: int | None = None) -> Ticket:
        return self._post(_MKDIR, _string(path) + _attributes(mode=mode), f"make the directory {path}")

    def remove(self, path: str) -> Ticket:
        return self._post(_REMOVE, _string(path), f"remove {path}")

    def rmdir(self, path: str) -> Ticket:
        return self._post(_RMDIR, _string(path), f"remove the directory {path}")

    def realpath(self, path: str) -> Ticket:
        return self._post(_REALPATH, _string(path), f"resolve {path}")

    def readlink(self, path: str) -> Ticket:
        return self._post(_READLINK, _string(path), f"read the link {path}")

    def symlink(self, target: str, path: str) -> Ticket:
        """OpenSSH takes the two in this order, and the draft in the other; everyone follows OpenSSH."""
        return self._post(_SYMLINK, _string(target) + _string(path), f"make the link {path}")

    def rename(self, old: str, new: str) -> Ticket:
        """Fails where `new` exists."""
        return self._post(_RENAME, _string(old) + _string(new), f"rename {old} to {new}")

    def posix_rename(self, old: str, new: str) -> Ticket:
        """Takes the place of `new` in one step. Only where `replaces`."""
        return self._extended(_POSIX_RENAME, _string(old) + _string(new), f"put {new} in place")

    def hard_link(self, old: str, new: str) -> Ticket:
        """Only where `links`."""
        return self._extended(_HARD_LINK, _string(old) + _string(new), f"link {old} as {new}")

    def file_system(self, path: str) -> Ticket:
        """For `free`. Only where `tells_space`."""
        return self._extended(_FILE_SYSTEM, _string(path), f"look at the file system of {path}")

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
        if kind != _STATUS:
            raise _unexpected(kind, ticket)
        failure = _failure(answer, ticket.what)
        if failure is not None:
            raise failure

    def handle(self, ticket: Ticket) -> bytes:
        """The handle that `open` or `opendir` gave. Raises: TransferError."""
        return bytes(_take_string(self._expected(ticket, _HANDLE), 0)[0])

    def data(self, ticket: Ticket) -> memoryview:
        """What a `read` gave; nothing at the end of the file. Raises: TransferError."""
        if ticket.kind == _STATUS and _code(_answer_of(ticket)[1]) == _EOF:
            return memoryview(b"")
        return _take_string(self._expected(ticket, _DATA), 0)[0]

    def free(self, ticket: Ticket) -> int:
        """The bytes that are free on a `file_system`. Raises: TransferError."""
        _, block_size, _, _, blocks = struct.unpack_from(">QQQQQ", self._expected(ticket, _EXTENDED_REPLY))
        return int(block_size * blocks)

    def attributes(self, ticket: Ticket) -> Attributes:
        """Raises: TransferError."""
        return _take_attributes(self._expected(ticket, _ATTRS), 0)[0]

    def names(self, ticket: Ticket) -> list[tuple[str, Attributes]] | None:
        """What a `readdir`, `realpath` or `readlink` gave; None at the end of a directory. Raises: TransferError."""
        if ticket.kind == _STATUS and _code(_answer_of(ticket)[1]) == _EOF:
            return None
        answer = self._expected(ticket, _NAME)
        (count,) = _u32.unpack_from(answer, 0)
        place = 4
        found = []
        for _ in range(count):
            name, place = _take_string(answer, place)
            _, place = _take_string(answer, place)
            attributes, place = _take_attributes(answer, place)
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
        return self._post(_EXTENDED, _packed(name) + payload, what)

    def flush(self) -> None:
        """Send what was posted, before a wait for something else than an answer."""
        if self._out:
            pieces, self._out, self._out_size = self._out, [], 0
            self._pipe.send(pieces)

    def _take_in(self) -> None:
        """Wait until something is answered, or a packet's length is known; note all answers that are there."""
        for packet in self._packets():
            self._note(packet)

    def _packets(self) -> Iterator[memoryview]:
        self.flush()
        while self._in_size < self._needed:
            pieces = self._pipe.receive(self._needed - self._in_size)
            self._in += pieces
            self._in_size += sum(map(len, pieces))
        view = self._in[0] if len(self._in) == 1 else memoryview(b"".join(self._in))
        place = 0
        self._needed = 4
        while len(view) - place >= 4:
            (size,) = _u32.unpack_from(view, place)
            if not 5 <= size <= _LARGEST_REPLY:
                raise _junk(view[place:])
            if len(view) - place - 4 < size:
                self._needed = 4 + size
                break
            yield view[place + 4 : place + 4 + size]
            place += 4 + size
        self._in = [view[place:]]
        self._in_size = len(view) - place

    def _note(self, packet: memoryview) -> None:
        kind = packet[0]
        (number,) = _u32.unpack_from(packet, 1)
        ticket = self._open.pop(number, None)
        if ticket is None:
            raise ServerFailure("the server answered what was not asked", hint="is its SFTP server a sound one?")
        ticket.kind = kind
        ticket.answer = packet[5:]
        self._answered.append(ticket)

    def _greet(self) -> dict[bytes, bytes]:
        self._pipe.send([memoryview(struct.pack(">IBI", 5, _INIT, _VERSION))])
        replies: list[memoryview] = []
        while not replies:
            replies += self._packets()
        (reply,) = replies
        if reply[0] != _VERSION_REPLY:
            raise _junk(reply)
        extensions: dict[bytes, bytes] = {}
        place = 5
        while place < len(reply):
            name, place = _take_string(reply, place)
            value, place = _take_string(reply, place)
            extensions[bytes(name)] = bytes(value)
        return extensions

    def _limits(self) -> tuple[int, int]:
        """The largest read and write that the server takes (OpenSSH's PROTOCOL, 4.8)."""
        if _LIMITS not in self.extensions:
            return _COMMON_REQUEST, _COMMON_REQUEST
        ticket = self.result(self._extended(_LIMITS, b"", "learn the limits of the server"))
        if ticket.kind != _EXTENDED_REPLY or ticket.answer is None or len(ticket.answer) < 32:
            return _COMMON_REQUEST, _COMMON_REQUEST
        _, read, write, _ = struct.unpack_from(">QQQQ", ticket.answer)
        return min(read or _COMMON_REQUEST, _LARGEST_REQUEST), min(write or _COMMON_REQUEST, _LARGEST_REQUEST)

    def _expected(self, ticket: Ticket, kind: int) -> memoryview:
        given, answer = _answer_of(ticket)
        if given == kind:
            return answer
        failure = _failure(answer, ticket.what) if given == _STATUS else None
        raise failure or _unexpected(given, ticket)


def _junk(data: memoryview) -> TransferError:
    """Of a text the first line is shown: a proper packet may follow it."""
    said = bytes(data[:_JUNK_SHOWN]).decode(errors="replace").strip()
    line = re.split(r"[\r\n\0]", said, maxsplit=1)[0]
    return ServerFailure(
        f"the server does not speak SFTP; it said: {line if line.isprintable() and line else repr(said)}",
        hint="does a start-up file of the shell there print something? it must not when nobody sees it",
    )


def _answer_of(ticket: Ticket) -> tuple[int, memoryview]:
    if ticket.answer is None:
        raise ServerFailure(f"cannot {ticket.what}: there is no answer yet")
    return ticket.kind, ticket.answer


def _failure(answer: memoryview, what: str) -> TransferError | None:
    code = _code(answer)
    if code == _OK:
        return None
    if code == _NO_SUCH_FILE:
        return NoSuchFile(f"cannot {what}: no such file or directory")
    if code == _PERMISSION_DENIED:
        return AccessDenied(f"cannot {what}: permission denied")
    text = bytes(_take_string(answer, 4)[0]).decode(errors="replace") if len(answer) >= 8 else ""
    if "no space" in text.lower() or "quota" in text.lower():
        return NoSpace(f"cannot {what}: {text.lower()}")
    if code == _UNSUPPORTED:
        return ServerFailure(f"cannot {what}: the server cannot do that", status=code)
    return ServerFailure(f"cannot {what}: the server says {text or code!r}", status=code)


def _unexpected(kind: int, ticket: Ticket) -> TransferError:
    return ServerFailure(f"cannot {ticket.what}: the server answered with a message of type {kind}")


def _code(answer: memoryview) -> int:
    return int(_u32.unpack_from(answer, 0)[0])


def _string(text: str) -> bytes:
    return _packed(os.fsencode(text))


def _packed(data: bytes) -> bytes:
    return _u32.pack(len(data)) + data


def _take_string(data: memoryview, place: int) -> tuple[memoryview, int]:
    (size,) = _u32.unpack_from(data, place)
    end = place + 4 + size
    if end > len(data):
        raise ServerFailure("the SFTP server sent a broken answer")
    return data[place + 4 : end], end


def _attributes(
    *,
    mode: int | None = None,
    owner: tuple[int, int] | None = None,
    mtime: int | None = None,
) -> bytes:
    """Section 5 of the draft; the two times go together, and so do user and group."""
    flags = (_HAS_OWNER if owner else 0) | (_HAS_MODE if mode is not None else 0)
    flags |= _HAS_TIMES if mtime is not None else 0
    packed = _u32.pack(flags)
    if owner:
        packed += struct.pack(">II", *owner)
    if mode is not None:
        packed += _u32.pack(mode)
    if mtime is not None:
        seconds = min(max(mtime, 0), 0xFFFF_FFFF)
        packed += struct.pack(">II", seconds, seconds)
    return packed


def _take_attributes(data: memoryview, place: int) -> tuple[Attributes, int]:
    (flags,) = _u32.unpack_from(data, place)
    place += 4
    size = uid = gid = mode = mtime = None
    if flags & _HAS_SIZE:
        (size,) = _u64.unpack_from(data, place)
        place += 8
    if flags & _HAS_OWNER:
        uid, gid = struct.unpack_from(">II", data, place)
        place += 8
    if flags & _HAS_MODE:
        (mode,) = _u32.unpack_from(data, place)
        place += 4
    if flags & _HAS_TIMES:
        (mtime,) = _u32.unpack_from(data, place + 4)
        place += 8
    if flags & _HAS_MORE:
        (count,) = _u32.unpack_from(data, place)
        place += 4
        for _ in range(2 * count):
            _, place = _take_string(data, place)
    return Attributes(size, uid, gid, mode, mtime), place
