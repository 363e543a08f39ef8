"""One authenticated connection: runs commands and opens further channels on one Transport, many times."""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import msgspec
from paramiko import Channel

from fleetctl.cancel import Cancel, Guard
from fleetctl.errors import (
    ConnectionLost,
    RequestRefused,
    ServerFailure,
    SftpMissing,
    TimedOut,
)
from fleetctl.ssh.command_line import sendable
from fleetctl.ssh.ending import SECONDS as ENDING_SECONDS
from fleetctl.ssh.ending import Watch, end_group, late, survey
from fleetctl.ssh.login.forwarding import AgentForwarding
from fleetctl.ssh.notes import ServerNotes
from fleetctl.ssh.sftp.client import Sftp
from fleetctl.ssh.stream.buffer import Buffer
from fleetctl.ssh.stream.bulk import BulkPipe
from fleetctl.ssh.stream.feeding import Feeder, Stdin, close, end_input
from fleetctl.ssh.stream.hearing import Alarm, Receive, closes, hear, wait_for_status
from fleetctl.ssh.translate import FOREIGN, Stage, translate, translated
from fleetctl.ssh.transport import LeanTransport, TunnelRequest, lives
from fleetctl.ssh.ways.tunnel import Tunnel
from fleetctl.ssh.ways.way import Way

WINDOW_SIZE = 1024 * 1024
SFTP_WINDOW_SIZE = 2 * 1024 * 1024
"""As OpenSSH's own: over a distance of 50 ms it lets 40 MB/s through."""
PIPE_WINDOW_SIZE = 512 * 1024
"""Small files are written more slowly than they come, so all of it is in use, on every host."""
_CONNECT_FAILED = 2
"""It would, and what is there does not (RFC 4254, 5.1)."""
_REPLY_SECONDS = 30.0
_JOIN_SECONDS = 5.0
_NO_SFTP_HINT = "`Subsystem sftp internal-sftp` in its sshd_config gives it; --via tar works without"


class Ended(msgspec.Struct, frozen=True):
    """How a remote command ended: its exit code, or None when the server sent none (a signal killed it)."""

    exit_code: int | None


Dialogue = tuple[Channel, Callable[[Receive], None], Callable[[], Ended]]
"""A channel, what hands over its output to the end, and what then tells how it ended."""


class Session:
    """One authenticated connection. Commands may run one after another or, from several threads, at once.

    Args:
        timings: seconds that connecting took, by part.
        forwarded_agent: the socket of the ssh-agent that what runs there may use; "" for none.
        variables: what the server is asked to set for it (RFC 4254, 6.4). It does not say whether it did.
    """

    def __init__(
        self,
        transport: LeanTransport,
        wire: Way,
        notes: ServerNotes,
        timings: dict[str, float],
        *,
        forwarded_agent: str = "",
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self._transport = transport
        self._wire = wire
        self._notes = notes
        # Two questions at once can swap their answers (transport.py: `saved_exception`, `completion_event`).
        self._asking_lock = threading.Lock()
        self.timings = timings
        self._forwarding = AgentForwarding(transport, forwarded_agent) if forwarded_agent else None
        self._variables = variables or {}

    @property
    def alive(self) -> bool:
        return lives(self._transport)

    def run(
        self,
        command: str,
        receive: Receive,
        cancel: Cancel,
        *,
        timeout: float | None = None,
        silence: float | None = None,
        stdin: Stdin | None = None,
        pty: bool = False,
    ) -> Ended:
        """Run a command line in the login shell of the user; returns when its output has ended.

        Args:
            receive: called in this thread with each piece of output.
            timeout: seconds for the command from its start on; None waits as long as it runs.
            silence: seconds for which it may say nothing.
            stdin: what the command reads; None gives it an end of file at once.
            pty: run it on a terminal, which joins its stderr to stdout.

        Raises:
            ChannelRefused, RequestRefused: the server would not run it, or it is no command line.
            TimedOut, Cancelled: what ran was ended, and `killed` of the error tells whether that is known. If it is
                not, the connection is given up.
            ConnectionLost: the command may still run on the host.
        """

        line = sendable(command)

        def ask(channel: Channel) -> None:
            if pty:
                channel.get_pty()
            channel.exec_command(line)

        with self.within(timeout, cancel) as guard, self.started(ask, cancel, WINDOW_SIZE) as channel:
            watch = Watch(guard, timeout, silence, partial(self._end, channel))
            return self.follow(channel, receive, cancel, watch, stdin=stdin, typed=pty)

    @contextmanager
    def sftp(self, cancel: Cancel) -> Iterator[Sftp]:
        """An SFTP conversation, for the thread that asks, until the block is left.

        Raises:
            SftpMissing: the server has no SFTP, or does not begin with it.
            ChannelRefused: it opens no further channel.
            ServerFailure: what it says is no SFTP; also from within the block.
            TimedOut, Cancelled, ConnectionLost: likewise.
        """
        with self.within(None, cancel), self._bulk(cancel, SFTP_WINDOW_SIZE) as (channel, pipe):
            try:
                self._request(channel, lambda channel: channel.invoke_subsystem("sftp"), cancel)
            except RequestRefused as error:
                raise SftpMissing("the server has no SFTP", hint=_NO_SFTP_HINT) from error
            with self.sftp_over(pipe, cancel, _NO_SFTP_HINT) as sftp:
                yield sftp

    @contextmanager
    def pipe(self, command: str, cancel: Cancel) -> Iterator[CommandPipe]:
        """A command line with its standard input and output as a pipe for much data, for the thread that asks.

        Raises: as `run`; EOFError from the pipe, within the block.
        """
        line = sendable(command)
        with self.within(None, cancel), self._bulk(cancel, PIPE_WINDOW_SIZE) as (channel, pipe):
            self._request(channel, lambda channel: channel.exec_command(line), cancel)
            yield CommandPipe(pipe, channel, lambda: self.ended(channel, cancel))

    def doomed(self, path: str, cancel: Cancel) -> None:
        """See AnySession: nothing is done about it."""

    # The parts of these, for whoever puts them together in another way (elevated.py)

    @contextmanager
    def started(self, ask: Callable[[Channel], None], cancel: Cancel, window_size: int) -> Iterator[Channel]:
        """A channel on which `ask` has started something; what that says is still to be heard."""
        with self._channel(cancel, window_size) as channel, self._agent_on(channel):
            with translated(Stage.CHANNEL, self._notes):
                for name, value in self._variables.items():
                    channel.set_environment_variable(name, value)
            self._request(channel, ask, cancel)
            yield channel

    def follow(
        self, channel: Channel, receive: Receive, cancel: Cancel, watch: Watch, *, stdin: Stdin | None, typed: bool
    ) -> Ended:
        """Hand over output and input, to the end. `typed`: on a terminal."""
        with Feeder(channel, stdin, pty=typed):
            if self._heard_out(channel, receive, watch) or channel.closed:
                return self.ended(channel, cancel)
            raise watch.ended(receive, cancel, self.abort)

    def _heard_out(self, channel: Channel, receive: Receive, watch: Watch) -> bool:
        """Whether the command has ended, and nobody called us away."""
        alarm = Alarm(channel)
        with watch.guard.instead(alarm.ring):
            try:
                hear(channel, receive, lambda: alarm.rung, self._notes, silence=watch.silence, arrived=alarm.arrived)
            except TimeoutError:
                return False
            return wait_for_status(channel, watch.silence) and not alarm.rung

    def _end(self, channel: Channel, receive: Receive, clock: Cancel) -> bool:
        def survivors(kill: bool) -> bytes:
            said = bytearray()
            self.round_trip(clock)  # what was closed before is closed then, and its place free (MaxSessions)
            with self._channel(clock, WINDOW_SIZE) as second:
                self._request(second, lambda second: second.exec_command(survey(kill=kill)), clock)
                end_input(second)
                self.hear(second, lambda _, data: said.extend(data), lambda: False, ENDING_SECONDS)
            return bytes(said)

        return end_group(channel, self._notes.banner, lambda seconds: self.closes(channel, receive, seconds), survivors)

    def closes(self, channel: Channel, receive: Receive, seconds: float) -> bool:
        """As the function of that name; False also when the connection has died."""
        return closes(channel, receive, self._notes, seconds) and self.alive

    @contextmanager
    def bulk(self, channel: Channel, window_size: int) -> Iterator[BulkPipe]:
        """The channel as a pipe; nothing may be on its way meanwhile."""
        pipe = BulkPipe(self._transport, channel, self._notes, window_size)
        try:
            yield pipe
        finally:
            pipe.close()

    @contextmanager
    def sftp_over(self, pipe: BulkPipe, cancel: Cancel, hint: str) -> Iterator[Sftp]:
        """The conversation with an SFTP server that has been started; `hint` is for one that does not talk."""
        sftp: Sftp | None = None
        try:
            sftp = Sftp(pipe, self._wire.round_trip)
            yield sftp
        except (EOFError, ConnectionLost) as error:
            self.round_trip(cancel)  # a connection that dies ends its channels first
            if sftp is None:
                raise SftpMissing("the server's SFTP does not start", hint=hint) from error
            raise ServerFailure("the server ended the SFTP session", hint="see its log") from error
        except struct.error as error:
            raise ServerFailure("the SFTP server sent a broken answer") from error

    @contextmanager
    def dialogue(self, ask: Callable[[Channel], None], cancel: Cancel) -> Iterator[Dialogue]:
        """What `ask` starts on a channel, for a person who types while it runs (terminal.py), until the block is left.

        Raises: as `run`.
        """
        with self.within(None, cancel), self.started(ask, cancel, WINDOW_SIZE) as channel:
            yield channel, partial(self._hear_out, channel), partial(self.ended, channel, cancel)

    def round_trip(self, cancel: Cancel, seconds: float = _REPLY_SECONDS) -> None:
        """Ask the server for a sign of life and wait for it (OpenSSH answers with a refusal; any answer will do).

        Raises: TimedOut, ConnectionLost, Cancelled.
        """
        with (
            self._asking_lock,
            cancel.guard(seconds, self.abort) as guard,
            translated(Stage.CHANNEL, self._notes),
        ):
            self._transport.global_request("keepalive@openssh.com", wait=True)
        cancel.check()
        _check_deadline(guard, seconds)
        if not self.alive:
            raise translate(self._transport.get_exception() or EOFError(), Stage.CHANNEL, self._notes)

    def connects(self, address: str, port: int, seconds: float, cancel: Cancel) -> bool:
        """Whether something takes connections there, as the server sees it, and answers within some seconds.

        Raises: ChannelRefused when the server connects to nothing for us; ConnectionLost, Cancelled.
        """
        with translated(Stage.CHANNEL, self._notes):
            request = self._transport.ask_for_tunnel((address, port), WINDOW_SIZE, lambda _channel: None)
        try:
            with cancel.guard(seconds, request.answered.set) as guard:
                request.answered.wait()
        finally:
            self._forget(request)
        cancel.check()
        if not self.alive:
            raise translate(self._transport.get_exception() or EOFError(), Stage.CHANNEL, self._notes)
        if request.refusal is not None and request.refusal.code != _CONNECT_FAILED:
            raise translate(request.refusal, Stage.CHANNEL, self._notes)
        return request.refusal is None and not guard.expired

    def _forget(self, request: TunnelRequest) -> None:
        try:
            self._transport.abandon(request)
        except FOREIGN:
            return  # the connection has ended, and the channel with it

    def tunnel(self, bastion: str) -> Tunnel:
        """A way through this server, still to be opened. `bastion` is what people call the server."""
        return Tunnel(self._transport, bastion)

    def abort(self) -> None:
        """Cut the connection from any thread; whoever waits on it is woken."""
        self._wire.abort()

    def close(self) -> None:
        """Close the connection and wait for its thread."""
        self._transport.close()
        self._transport.join(_JOIN_SECONDS)

    @contextmanager
    def within(self, seconds: float | None, cancel: Cancel) -> Iterator[Guard]:
        """Cut the connection when the time is over or the run is called off, and tell it as what it is."""
        with cancel.guard(seconds, self.abort) as guard:
            try:
                yield guard
            except (ConnectionLost, TimedOut) as error:
                if error.killed is None:
                    cancel.check()
                    _check_deadline(guard, seconds)
                raise

    @contextmanager
    def _channel(self, cancel: Cancel, window_size: int) -> Iterator[Channel]:
        with self._asking_lock, translated(Stage.CHANNEL, self._notes):
            cancel.check()
            channel = self._transport.open_session(window_size=window_size, timeout=_REPLY_SECONDS)
        # Before anything is asked for nothing may come, so nothing is lost.
        channel.in_buffer, channel.in_stderr_buffer = Buffer(window_size), Buffer(window_size)
        try:
            yield channel
        finally:
            close(channel)

    @contextmanager
    def _bulk(self, cancel: Cancel, window_size: int) -> Iterator[tuple[Channel, BulkPipe]]:
        """A channel with its pipe, which is there before anything is asked for: what comes at once would be lost."""
        with self._channel(cancel, window_size) as channel, self.bulk(channel, window_size) as pipe:
            yield channel, pipe

    @contextmanager
    def _agent_on(self, channel: Channel) -> Iterator[None]:
        if self._forwarding is None:
            yield
        else:
            with self._forwarding.offered_on(channel):
                yield

    def _request(self, channel: Channel, ask: Callable[[Channel], None], cancel: Cancel) -> None:
        # paramiko waits for the reply without a time-out (channel.py: `_wait_for_event`).
        with cancel.guard(_REPLY_SECONDS, self.abort) as guard:
            try:
                ask(channel)
            except FOREIGN as error:
                _check_deadline(guard, _REPLY_SECONDS)
                failure = translate(error, Stage.REQUEST, self._notes)
                if isinstance(failure, RequestRefused):
                    self.round_trip(cancel)  # a connection that dies ends its channels first, as if refused
                raise failure from error

    def hear(
        self, channel: Channel, receive: Receive, enough: Callable[[], bool], seconds: float | None = None
    ) -> bool:
        """As the function of that name."""
        return hear(channel, receive, enough, self._notes, seconds=seconds)

    def _hear_out(self, channel: Channel, receive: Receive) -> None:
        self.hear(channel, receive, lambda: False)

    def ended(self, channel: Channel, cancel: Cancel) -> Ended:
        """How what ran on a channel has ended, when its output has."""
        # The status may follow the end of output; the server's close of the channel ends the wait.
        wait_for_status(channel, None)
        if channel.exit_status >= 0:
            return Ended(channel.exit_status)
        # A connection that dies ends its channels first (transport.py: `run`), so only an answer tells.
        self.round_trip(cancel)
        return Ended(None)


class CommandPipe:
    """A running command: bytes in, bytes out, and in the end its exit code. Raises: as BulkPipe."""

    def __init__(self, pipe: BulkPipe, channel: Channel, ended: Callable[[], Ended]) -> None:
        self._pipe = pipe
        self._channel = channel
        self._ended = ended

    def send(self, data: bytes) -> None:
        self._pipe.send([memoryview(data)])

    def end_input(self) -> None:
        """No more is sent."""
        end_input(self._channel)

    def output(self) -> Iterator[memoryview]:
        """What the command writes to its stdout, as it comes, to the end."""
        while True:
            try:
                pieces = self._pipe.receive()
            except EOFError:
                return
            yield from pieces

    def ended(self) -> tuple[Ended, str]:
        """Wait for its end, when its output has ended. Returns: how, and what it wrote to stderr, as text."""
        if not self._channel.status_event.wait(_REPLY_SECONDS):
            raise TimedOut("the command closed its output, and does not end")
        return self._ended(), self._pipe.complaints()


def _check_deadline(guard: Guard, seconds: float | None) -> None:
    if guard.expired and seconds is not None:
        raise late(seconds)
