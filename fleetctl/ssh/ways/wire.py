"""A TCP connection in the shape paramiko's Transport asks for, tuned for short SSH conversations.

Nagle's algorithm and delayed acknowledgements cost 100 of 124 ms of a first command over loopback, so
NODELAY is on, and QUICKACK (Linux; the kernel drops it by itself) is armed again after each small read.
Bulk data leaves it off, where it would cost throughput.
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
import struct
import sys
import time
from collections.abc import Iterable
from itertools import zip_longest
from typing import Any, Protocol, cast

from fleetctl.cancel import Cancel
from fleetctl.errors import ConnectionRefused, ConnectTimeout, NameUnknown, NotConnected, TurnedAway, UnreachableError
from fleetctl.model import AddressFamily, Hop

_READ_SIZE = 32 * 1024
_LARGEST_READ = 256 * 1024
_SMALL_READ = 4 * 1024
_WAKE_SECONDS = 10
_NEXT_ADDRESS_SECONDS = 0.25
_SOCKET_OPTIONS = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, getattr(socket, "TCP_KEEPINTVL", None), 10),
    (socket.IPPROTO_TCP, getattr(socket, "TCP_USER_TIMEOUT", None), 60_000),
)
# macOS lacks some of these.
_KEEPIDLE: int | None = getattr(socket, "TCP_KEEPIDLE", None)
_KEEPCNT: int | None = getattr(socket, "TCP_KEEPCNT", None)
_FAMILIES = {
    AddressFamily.ANY: socket.AF_UNSPEC,
    AddressFamily.INET: socket.AF_INET,
    AddressFamily.INET6: socket.AF_INET6,
}
_HINTS = {
    errno.EMFILE: "raise `ulimit -n` or lower --fanout",
    errno.EADDRNOTAVAIL: "`bind_address` must be an address of this machine",
}
_TCP_INFO: int | None = getattr(socket, "TCP_INFO", None) if sys.platform == "linux" else None
_MIN_RTT = struct.Struct("=148xI")
"""Microseconds, in Linux's struct tcp_info (linux/tcp.h)."""
ROUND_THE_WORLD = 0.3
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)

Target = tuple[int, Any]
"""An address family and the place to connect to, in that family's form."""


class Owner(Protocol):
    """What is behind a socket on this machine, and ends with it."""

    @property
    def ended(self) -> str:
        """How it ended by itself, or ""."""

    @property
    def standing(self) -> str:
        """See `Way.standing`."""

    def heard_end(self) -> None:
        """Its end was heard, before any of ours: the moment to learn how it came."""

    def end(self) -> None: ...


class Wire:
    """A connected socket with read-ahead. One thread reads; any thread may send or close."""

    def __init__(self, sock: socket.socket, behind: Owner | None = None) -> None:
        self._sock = sock
        self._behind = behind
        self._aborted = False
        # What was read ahead is at [_start:_end].
        self._buffer = memoryview(bytearray(_READ_SIZE))
        self._start = 0
        self._end = 0
        # paramiko asks for a time-out of 0.1 s to look at its flags: 6 % of a core for 200 idle
        # connections. A receive time-out in the kernel wakes it rarely, and without a poll per read.
        sock.settimeout(None)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", _WAKE_SECONDS, 0))
        if sock.family in {socket.AF_INET, socket.AF_INET6}:
            for level, option, value in _SOCKET_OPTIONS:
                if option is not None:
                    sock.setsockopt(level, option, value)
            self._quickack = _QUICKACK
        else:
            self._quickack = None

    @property
    def ended(self) -> str:
        """Why it ended, as far as that is known on this side; else ""."""
        return "" if self._behind is None else self._behind.ended

    @property
    def standing(self) -> str:
        """See `Way.standing`."""
        return "" if self._behind is None else self._behind.standing

    @property
    def peer(self) -> str:
        """The address and port that it leads to; "" where it does not go by these."""
        if self._sock.family not in {socket.AF_INET, socket.AF_INET6}:
            return ""
        address, port, *_ = self._sock.getpeername()
        return place_of(address, port)

    @property
    def _closed(self) -> bool:
        """Read by paramiko's transport.py: `stop_thread`."""
        return self._sock.fileno() < 0

    def keep_alive(self, seconds: float, count: int) -> None:
        """Notice a dead peer after so much silence and so many lost probes."""
        for option, value in ((_KEEPIDLE, max(1, round(seconds))), (_KEEPCNT, count)):
            if option is not None:
                self._sock.setsockopt(socket.IPPROTO_TCP, option, value)

    def recv(self, size: int) -> bytes:
        """At most `size` bytes; b"" at the end. Raises: TimeoutError when woken without data."""
        if not self.pending and not self._read_ahead(size):
            return b""
        return bytes(self._taken(min(size, self.pending)))

    def ahead(self, size: int) -> memoryview:
        """All that was read and not taken, and at least `size` bytes; good until the next call.

        Raises: TimeoutError as `recv`, EOFError at the end.
        """
        while self._end - self._start < size:
            if not self._read_ahead(size):
                raise EOFError
        return self._buffer[self._start : self._end]

    def skip(self, size: int) -> None:
        """Take so many of the bytes that are ahead."""
        self._start += size

    @property
    def pending(self) -> int:
        """How many bytes were read and not yet taken."""
        return self._end - self._start

    @property
    def round_trip(self) -> float:
        """The least that one took, in seconds; where the system does not tell (Linux does), what one round the world
        takes: then nobody holds back for a peer that is near."""
        if _TCP_INFO is None or self._sock.family not in {socket.AF_INET, socket.AF_INET6}:
            return ROUND_THE_WORLD
        told = self._sock.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _MIN_RTT.size)
        return float(_MIN_RTT.unpack(told)[0]) / 1e6 if len(told) == _MIN_RTT.size else ROUND_THE_WORLD

    def send(self, data: bytes) -> int:
        self.send_all(memoryview(data))
        return len(data)

    def send_all(self, data: memoryview) -> None:
        try:
            self._sock.sendall(data)
        except ConnectionError:
            self._heard_end()
            raise

    def settimeout(self, seconds: float | None) -> None:
        """Ignored: see `__init__`. Deadlines are kept by `Cancel.guard`, which calls `abort`."""

    def abort(self) -> None:
        """End the conversation from any thread: whoever reads or writes is woken with its end."""
        self._aborted = True
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError as error:
            if error.errno not in {errno.ENOTCONN, errno.EBADF}:
                raise

    def close(self) -> None:
        """Shut down first: closing alone does not wake a thread that is in recv."""
        self.abort()
        self._sock.close()
        if self._behind is not None:
            self._behind.end()

    def _taken(self, size: int) -> memoryview:
        self._start += size
        return self._buffer[self._start - size : self._start]

    def _read_ahead(self, wanted: int) -> int:
        """Read what is there, with room for `wanted` bytes in a row. Returns: how many, 0 at the end."""
        if self._start:
            self._buffer[: self.pending] = self._buffer[self._start : self._end]
            self._start, self._end = 0, self.pending
        if self._end == len(self._buffer) or wanted > len(self._buffer):
            self._grow(max(2 * len(self._buffer), wanted))
        try:
            count = self._sock.recv_into(self._buffer[self._end :])
        except BlockingIOError as error:
            raise TimeoutError from error
        except ConnectionError:
            self._heard_end()
            raise
        if not count:
            self._heard_end()
        self._end += count
        if self._quickack is not None and count < _SMALL_READ:
            self._rearm(self._quickack)
        elif self._end == len(self._buffer) < _LARGEST_READ:
            self._grow(2 * len(self._buffer))  # bulk data: fewer and larger reads
        return count

    def _heard_end(self) -> None:
        if self._behind is not None and self._sock.fileno() >= 0 and not self._aborted:
            self._behind.heard_end()

    def _grow(self, size: int) -> None:
        larger = memoryview(bytearray(size))
        larger[: self._end] = self._buffer[: self._end]
        self._buffer = larger

    def _rearm(self, quickack: int) -> None:
        try:
            self._sock.setsockopt(socket.IPPROTO_TCP, quickack, 1)
        except OSError as error:
            if error.errno not in {errno.EBADF, errno.EINVAL}:
                raise


def connect(hop: Hop, cancel: Cancel) -> Wire:
    """Open a TCP connection to a machine.

    Raises: as `resolve` and `connect_to`.
    """
    return connect_to(resolve(hop), hop, cancel)


def connect_to(addresses: Iterable[Target], hop: Hop, cancel: Cancel) -> Wire:
    """Open a TCP connection to a machine, trying all of its addresses side by side as RFC 8305 does.

    A further address is begun when the one before failed or has been silent for 250 ms.

    Raises:
        ConnectionRefused: every address refused.
        ConnectTimeout: none answered within its `connect_timeout`.
        NotConnected: any other failure.
        Cancelled: the run was called off meanwhile.
    """
    targets = iter(addresses)
    deadline = time.monotonic() + hop.connect_timeout
    failure: OSError | None = None
    with selectors.PollSelector() as pending:
        try:
            while True:
                cancel.check()
                try:
                    _begin(next(targets), hop.bind_address, pending)
                except StopIteration:
                    if not pending.get_map():
                        raise _failed(failure, hop) from failure
                except OSError as error:
                    failure = error
                    continue
                try:
                    wire = _first_answer(pending, min(_NEXT_ADDRESS_SECONDS, deadline - time.monotonic()))
                except OSError as error:
                    failure = error
                    continue
                if wire is not None:
                    wire.keep_alive(hop.keepalive, hop.keepalive_count)
                    return wire
                if time.monotonic() >= deadline:
                    raise ConnectTimeout(
                        f"no answer from {place_of(hop.address, hop.port)} within {hop.connect_timeout:g} s",
                        hint="is the host up, the address right and no firewall between?",
                    )
        finally:
            for key in list(pending.get_map().values()):
                _taken(key, pending).close()


def resolve(hop: Hop) -> list[Target]:
    """The addresses to try, families in turn, beginning with the one the resolver prefers.

    Raises: NameUnknown.
    """
    try:
        found = socket.getaddrinfo(hop.address, hop.port, _FAMILIES[hop.address_family], socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise NameUnknown(
            f"cannot resolve {hop.address}: {reason}",
            hint="check the spelling, or set `address` in the inventory",
        ) from error
    by_family: dict[int, list[Target]] = {}
    for family, _, _, _, place in found:
        by_family.setdefault(family, []).append((family, place))
    return [target for row in zip_longest(*by_family.values()) for target in row if target is not None]


def _begin(target: Target, bind_address: str, pending: selectors.BaseSelector) -> None:
    family, place = target
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if bind_address:
            sock.bind((bind_address, 0))
        error = sock.connect_ex(place)
        if error != errno.EINPROGRESS:
            _raise_if(error)
    except OSError:
        sock.close()
        raise
    pending.register(sock, selectors.EVENT_WRITE)


def _first_answer(pending: selectors.BaseSelector, seconds: float) -> Wire | None:
    """A connection, or None when nothing happened. Raises: OSError when one failed."""
    answers = pending.select(max(0.0, seconds))
    if not answers:
        return None
    sock = _taken(answers[0][0], pending)
    error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    try:
        _raise_if(error)
        return Wire(sock)
    except OSError:
        sock.close()
        raise


def _raise_if(error: int) -> None:
    if error:
        raise OSError(error, os.strerror(error))


def _taken(key: selectors.SelectorKey, pending: selectors.BaseSelector) -> socket.socket:
    pending.unregister(key.fileobj)
    return cast("socket.socket", key.fileobj)


def _failed(failure: OSError | None, hop: Hop) -> UnreachableError:
    place = place_of(hop.address, hop.port)
    code = failure.errno if failure is not None else None
    if code == errno.ECONNREFUSED:
        return ConnectionRefused(f"connection refused by {place}", hint="is sshd running there, and on this port?")
    if code == errno.ETIMEDOUT:
        return ConnectTimeout(f"no answer from {place}", hint="is the host up and no firewall between?")
    if code == errno.ECONNRESET:
        return TurnedAway(
            f"{place} reset the connection at once",
            hint="too many connections at once? lower --fanout or raise --retries",
        )
    reason = failure.strerror if failure is not None else "it has no address"
    hint = _HINTS.get(code or 0, "check the address and the route")
    return NotConnected(f"cannot connect to {place}: {reason}", hint=hint)


def place_of(address: str, port: int) -> str:
    """As people write it: `web01:22`, `[::1]:22`."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
