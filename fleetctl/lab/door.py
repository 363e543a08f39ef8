"""The TCP side of a lab host: who is let in, and how a connection is delayed or broken below SSH."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress

from fleetctl.lab.faults import Fault
from fleetctl.lab.layout import ADDRESS
from fleetctl.lab.seen import Seen

_log = logging.getLogger(__name__)

_BACKLOG = 256
_CHUNK = 64 * 1024
_CHUNKS_UNDER_WAY = 64
_RETRY_SECONDS = 0.1
_FINISH_SECONDS = 1.0


class Line:
    """The TCP connection of one client; `ends` names both as SSH_CONNECTION does."""

    def __init__(self, outer: socket.socket) -> None:
        self._outer = outer
        client, server = outer.getpeername(), outer.getsockname()
        self.ends = f"{client[0]} {client[1]} {server[0]} {server[1]}"

    def reset_when_closed(self) -> None:
        """Let the client see a reset instead of an orderly end."""
        with suppress(OSError):  # closed already
            self._outer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


Enter = Callable[[socket.socket, Line], Awaitable[None]]
"""Speaks SSH on a socket until it is closed. Called in the loop, once per connection.

Must not raise for what a client does, and must close the socket also when it is cancelled.
"""


class Door:
    """Listens for one host from `open` to `close`; its port stays reserved even where nothing may connect.

    Args:
        latency: seconds of a round trip to pretend.
    """

    def __init__(self, fault: Fault, latency: float, seen: Seen, enter: Enter) -> None:
        self._fault = fault
        self._latency = latency
        self._enter = enter
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener = _bound(0)
        self._seen = seen
        self.port: int = self._listener.getsockname()[1]
        seen.port = self.port

    def open(self) -> None:
        if self._fault.refuse_after != 0:
            self._listener.listen(_BACKLOG)
            self._spawn(self._accept())

    async def close(self) -> None:
        """Stop listening, and end every connection that came in."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._listener.close()

    async def _accept(self) -> None:
        while self._seen.connections != self._fault.refuse_after:
            try:
                outer, _ = await asyncio.get_running_loop().sock_accept(self._listener)
            except OSError as error:
                _log.warning("port %d: %s", self.port, error)
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            self._seen.connections += 1
            self._spawn(self._receive(outer, self._seen.connections))
        self._listener.close()
        self._listener = _bound(self.port)

    async def _receive(self, outer: socket.socket, number: int) -> None:
        with outer:
            if number <= self._fault.close_first:
                return
            await asyncio.sleep(self._fault.banner_delay)
            try:
                line = Line(outer)
            except OSError:  # gone before it was greeted
                return
            if self._latency:
                await self._receive_late(outer, line)
            else:
                await self._enter(outer, line)

    async def _receive_late(self, outer: socket.socket, line: Line) -> None:
        near, far = socket.socketpair()
        async with asyncio.TaskGroup() as both:
            both.create_task(_relay(outer, near, self._latency / 2))
            both.create_task(_awaited(self._enter(far, line)))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _awaited(work: Awaitable[None]) -> None:
    await work


def _bound(port: int) -> socket.socket:
    """A socket that has a loopback port and does not listen: who connects is refused."""
    place = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    place.bind((ADDRESS, port))
    place.setblocking(False)
    return place


async def _relay(outer: socket.socket, near: socket.socket, delay: float) -> None:
    """Carry bytes both ways, each late by `delay` seconds, until either end closes."""
    from_client, to_client = await asyncio.open_connection(sock=outer)
    from_server, to_server = await asyncio.open_connection(sock=near)
    ways = {
        asyncio.create_task(_carry(from_client, to_server, delay)),
        asyncio.create_task(_carry(from_server, to_client, delay)),
    }
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        await asyncio.gather(_finish(to_client), _finish(to_server))


async def _finish(sink: asyncio.StreamWriter) -> None:
    """Send what is left, but do not wait for ever for someone who does not read it."""
    sink.close()
    with suppress(OSError, TimeoutError):
        await asyncio.wait_for(sink.wait_closed(), _FINISH_SECONDS)
    sink.transport.abort()


async def _carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter, delay: float) -> None:
    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_CHUNKS_UNDER_WAY)
    arriving = asyncio.create_task(_arrive(under_way, sink))
    now = asyncio.get_running_loop().time
    try:
        while data := await source.read(_CHUNK):
            await under_way.put((now() + delay, data))
        await under_way.put((now() + delay, b""))
        await arriving
    finally:
        arriving.cancel()


async def _arrive(under_way: asyncio.Queue[tuple[float, bytes]], sink: asyncio.StreamWriter) -> None:
    now = asyncio.get_running_loop().time
    while True:
        due, data = await under_way.get()
        await asyncio.sleep(due - now())
        if not data:
            return
        sink.write(data)
        await sink.drain()
