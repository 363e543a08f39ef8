"""A command or shell of a lab host: a process group whose streams go over a channel with back-pressure.

The process ends with its channel. Its output can be slowed, or cut by a reset, as the host's fault says.
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import termios
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from fleetctl.lab.faults import Ends, Fault

_CHUNK = 128 * 1024
_STEPS_PER_SECOND = 10
_LOOK_SECONDS = 0.5
_CANNOT_START = 126

# A session leader without a terminal gets the first one it opens as its controlling terminal.
_ON_TERMINAL = 'exec /bin/sh -c "$1" <"$0" >"$0" 2>&1'


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a command finds: its directory, its environment, and what is wrong with its host."""

    home: Path
    environment: Mapping[str, str]
    fault: Fault


class Flow:
    """Brings output to the client at the pace, and up to the point, that the fault says."""

    def __init__(self, fault: Fault, reset: Callable[[], None]) -> None:
        self._rate = fault.bytes_per_second
        self._left = fault.reset_after
        self._reset = reset
        self._step = max(1, min(_CHUNK, self._rate // _STEPS_PER_SECOND)) if self._rate else _CHUNK

    async def pour(self, source: asyncio.StreamReader, sink: asyncssh.SSHWriter[bytes]) -> None:
        while data := await source.read(self._step):
            data = data[: self._left]
            sink.write(data)
            await sink.drain()
            if self._left is not None:
                self._left -= len(data)
                if self._left <= 0:
                    self._reset()
                    return
            if self._rate:
                await asyncio.sleep(len(data) / self._rate)


@dataclass(frozen=True, slots=True)
class _Output:
    reader: asyncio.StreamReader
    transport: asyncio.ReadTransport


class Running:
    """One process group, and our ends of its streams: input, and output or output and errors."""

    def __init__(
        self, process: asyncio.subprocess.Process, stdin: asyncio.StreamWriter, outputs: Sequence[_Output]
    ) -> None:
        self._process = process
        self.stdin = stdin
        self.outputs = outputs

    def signal(self, name: str) -> None:
        """Send a signal, named as SSH does, to the whole group; an unknown one is no signal."""
        number = getattr(signal, f"SIG{name}", None)
        if isinstance(number, signal.Signals):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def resize(self, columns: int, rows: int) -> None:
        """Tell the terminal its new size, if there is one; the kernel tells the group."""
        pipe = self.outputs[0].transport.get_extra_info("pipe")
        if not pipe.closed and pipe.isatty():
            termios.tcsetwinsize(pipe, (rows, columns))

    def close(self) -> None:
        self.stdin.close()
        for output in self.outputs:
            output.transport.close()

    async def wait(self) -> int:
        """Returns: the exit status, or the negative number of the signal that ended it."""
        return await self._process.wait()


async def start(process: asyncssh.SSHServerProcess[bytes], around: Surroundings) -> Running:
    """Start what the client asked for: a command or a shell, on a terminal if it wants one.

    Raises: OSError or ValueError when it cannot be started.
    """
    theirs, stdin, outputs = _terminal(process) if process.term_type else _pipes()
    environment = {**around.environment, **_requested(process)}
    try:
        child = await asyncio.create_subprocess_exec(
            *_arguments(process, theirs[0]), cwd=around.home, env=environment, start_new_session=True,
            stdin=theirs[0], stdout=theirs[1], stderr=theirs[2],
        )  # fmt: skip
    except BaseException:
        _close(stdin, *outputs)
        raise
    finally:
        _close(*set(theirs))
    return Running(child, await _writer(stdin), [await _output(descriptor) for descriptor in outputs])


async def serve(
    process: asyncssh.SSHServerProcess[bytes],
    around: Surroundings,
    reset: Callable[[], None],
    started: Callable[[Running], None],
) -> None:
    """Carry out a channel's command until it or the channel ends; nothing of it is left behind then.

    Args:
        reset: breaks the client's connection.
        started: told of the process, so that signals can reach it.
    """
    try:
        running = await start(process, around)
    except (OSError, ValueError) as error:
        process.stderr.write(f"lab: cannot start: {error}\n".encode())
        process.exit(_CANNOT_START)
        return
    started(running)
    work = asyncio.create_task(_carry_out(process, running, around.fault, reset))
    closed = asyncio.create_task(_closed(process.channel))
    try:
        await asyncio.wait({work, closed}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        if not work.done() or work.cancelled() or work.exception():
            running.signal("KILL")
            process.channel.abort()
        work.cancel()
        closed.cancel()
        await asyncio.gather(work, closed, return_exceptions=True)
        await running.wait()
        running.close()


async def _carry_out(
    process: asyncssh.SSHServerProcess[bytes], running: Running, fault: Fault, reset: Callable[[], None]
) -> None:
    flow = Flow(fault, reset)
    sinks = (process.stdout, process.stderr)
    feeding = asyncio.create_task(_feed(process.stdin, running.stdin))
    try:
        pours = (flow.pour(output.reader, sink) for output, sink in zip(running.outputs, sinks, strict=False))
        await asyncio.gather(*pours)
        code = await running.wait()
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
    _report(process, code, fault.ends)


async def _feed(source: asyncssh.SSHReader[bytes], sink: asyncio.StreamWriter) -> None:
    """Pass the client's input on; what the command does not want any more is read and dropped.

    Not by asyncssh's `redirect`: it writes from inside asyncio's own callback, and loses what came last.
    """
    while data := await source.read(_CHUNK):
        with suppress(ConnectionError):
            sink.write(data)
            await sink.drain()
    sink.close()


def _report(process: asyncssh.SSHServerProcess[bytes], code: int, ends: Ends) -> None:
    if process.is_closing():
        return
    process.stdout.write_eof()
    if ends == "nothing":
        process.close()
    elif ends == "signal":
        process.exit_with_signal("KILL")
    elif code < 0:
        process.exit_with_signal(signal.Signals(-code).name.removeprefix("SIG"))
    else:
        process.exit(code)


async def _closed(channel: asyncssh.SSHServerChannel[bytes]) -> None:
    """Wait for the client to close the channel.

    asyncssh tells so only once all input is read, which a command may never do: hence a look now and then.
    """
    while not channel.is_closing():
        with suppress(TimeoutError):
            await asyncio.wait_for(channel.wait_closed(), _LOOK_SECONDS)


def _arguments(process: asyncssh.SSHServerProcess[bytes], stdin: int) -> tuple[str, ...]:
    if process.term_type:
        return ("/bin/sh", "-c", _ON_TERMINAL, os.ttyname(stdin), process.command or "exec /bin/sh -i")
    return ("/bin/sh", "-c", process.command) if process.command is not None else ("/bin/sh",)


def _requested(process: asyncssh.SSHServerProcess[bytes]) -> dict[str, str]:
    wanted = process.channel.get_environment_bytes()
    terminal = {"TERM": process.term_type} if process.term_type else {}
    return {**terminal, **{os.fsdecode(name): os.fsdecode(value) for name, value in wanted.items()}}


def _pipes() -> tuple[tuple[int, int, int], int, tuple[int, ...]]:
    """Descriptors for the child's stdin, stdout and stderr; our end of stdin; our ends of the others."""
    in_read, in_write = os.pipe()
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    return (in_read, out_write, err_write), in_write, (out_read, err_read)


def _terminal(process: asyncssh.SSHServerProcess[bytes]) -> tuple[tuple[int, int, int], int, tuple[int, ...]]:
    """The same as `_pipes` with one terminal for all three."""
    ours, theirs = os.openpty()
    columns, rows = process.term_size[:2]
    if columns and rows:
        termios.tcsetwinsize(theirs, (rows, columns))
    return (theirs, theirs, theirs), os.dup(ours), (ours,)


class _Ended(asyncio.StreamReaderProtocol):
    """Takes the error that a terminal gives once nobody has it open for the end of its output."""

    def connection_lost(self, exc: Exception | None) -> None:
        hung_up = isinstance(exc, OSError) and exc.errno == errno.EIO
        super().connection_lost(None if hung_up else exc)


async def _output(descriptor: int) -> _Output:
    reader = asyncio.StreamReader(limit=_CHUNK)
    file = os.fdopen(descriptor, "rb", buffering=0)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: _Ended(reader), file)
    return _Output(reader, transport)


async def _writer(descriptor: int) -> asyncio.StreamWriter:
    loop = asyncio.get_running_loop()
    file = os.fdopen(descriptor, "wb", buffering=0)
    transport, protocol = await loop.connect_write_pipe(lambda: _Ended(asyncio.StreamReader()), file)
    return asyncio.StreamWriter(transport, protocol, None, loop)


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
