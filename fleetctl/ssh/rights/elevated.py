"""A session with the rights of another user: what it runs, it runs through sudo, su or doas.

The password goes to stdin when the question for it was seen, and once; what the command reads begins only when the
command has. Where sudo wants a terminal it gets one, and only then: a terminal joins stderr to stdout.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from types import TracebackType

from paramiko import Channel

from fleetctl.cancel import Cancel, Guard
from fleetctl.errors import ToolMissing
from fleetctl.model import Elevation, ElevationMethod, Host
from fleetctl.ssh.any_shell import hidden
from fleetctl.ssh.command_line import sendable
from fleetctl.ssh.ending import KILL_SECONDS, Watch, nothing_left
from fleetctl.ssh.ending import SECONDS as ENDING_SECONDS
from fleetctl.ssh.login.guard import Guard as PasswordGuard
from fleetctl.ssh.rights import refusals
from fleetctl.ssh.rights.becoming import DISMISSED, GO, Ends, Errand, become, ending, running, serving_files, sweeping
from fleetctl.ssh.rights.plain_text import PlainText
from fleetctl.ssh.rights.prelude import Prelude
from fleetctl.ssh.session import (
    PIPE_WINDOW_SIZE,
    SFTP_WINDOW_SIZE,
    WINDOW_SIZE,
    CommandPipe,
    Ended,
    Session,
)
from fleetctl.ssh.sftp.client import Sftp
from fleetctl.ssh.stream.feeding import Stdin, end_input
from fleetctl.ssh.stream.hearing import Receive
from fleetctl.ssh.translate import FOREIGN

_SECONDS = 30.0
"""For a word from sudo: it may ask a directory service, and waits after a wrong password."""
_NO_SERVER_HINT = "it is a part of OpenSSH's server; --via tar works without"
_WIDE = 1000
"""Columns of a terminal that nobody looks at, so that nothing is cut to fit."""
_log = logging.getLogger("fleetctl.ssh")


class _TerminalWanted(Exception):
    """sudo does nothing without one; nothing was begun."""


class Elevated:
    """As Session, for one thread, with the rights that `elevation` names. A job enters it again for each step.

    Args:
        guard: asked before a password is sent.
    """

    def __init__(self, session: Session, host: Host, elevation: Elevation, guard: PasswordGuard) -> None:
        self._session = session
        self._host = host
        self._elevation = elevation
        self._guard = guard
        self._parties = refusals.Parties(elevation, host.login.user)
        self._terminal = False
        self._kept_open = ExitStack()
        self._sweeper: Channel | None = None
        self.timings = session.timings

    def __enter__(self) -> Elevated:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sweeper = None
        self._kept_open.close()

    @property
    def note(self) -> str:
        """What the user should know about how it was done, or ""."""
        if not self._terminal:
            return ""
        return f"{self._parties.method} there wants a terminal, so it got one: stderr is joined to stdout"

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
        """Run a command line in /bin/sh.

        Raises: as `Session.run`; ElevationDenied and Withheld, before anything was begun.
        """
        with self.within(timeout, cancel) as guard:
            if pty:
                opened = self._opened(running(command), Ends.TERMINAL, cancel, WINDOW_SIZE)
            else:
                errand = running(command, input_from="" if stdin else "/dev/null")
                opened = self._begun(errand, Ends.BARE, cancel, WINDOW_SIZE)
            with opened as (channel, prelude):
                watch = Watch(guard, timeout, silence, partial(self._end, channel, prelude))
                taken = PlainText(stdin) if stdin and self._terminal and not pty else stdin
                for stream, data in prelude.rest:
                    receive(stream, data)
                return self._session.follow(channel, receive, cancel, watch, stdin=taken, typed=prelude.on_terminal)

    @contextmanager
    def sftp(self, cancel: Cancel) -> Iterator[Sftp]:
        """The host's own SFTP server, run by the other user.

        Raises: as `Session.sftp`; ElevationDenied and Withheld.
        """
        with (
            self.within(None, cancel),
            self._begun(serving_files(), Ends.RAW, cancel, SFTP_WINDOW_SIZE) as (channel, _),
            self._session.bulk(channel, SFTP_WINDOW_SIZE) as pipe,
        ):
            pipe.send([memoryview(GO)])
            with self._session.sftp_over(pipe, cancel, _NO_SERVER_HINT) as sftp:
                yield sftp

    @contextmanager
    def pipe(self, command: str, cancel: Cancel) -> Iterator[CommandPipe]:
        """A command line in /bin/sh, as a pipe.

        Raises: as `Session.pipe`; ElevationDenied and Withheld; ToolMissing where only a terminal will do, for its
            input has no end.
        """
        errand = running(command, waits=True)
        if self._terminal:
            raise self._no_pipe()
        try:
            with (
                self.within(None, cancel),
                self._opened(errand, Ends.PIPES, cancel, PIPE_WINDOW_SIZE) as (channel, _),
                self._session.bulk(channel, PIPE_WINDOW_SIZE) as pipe,
            ):
                pipe.send([memoryview(GO)])
                yield CommandPipe(pipe, channel, lambda: self._session.ended(channel, cancel))
        except _TerminalWanted:
            raise self._no_pipe() from None

    def doomed(self, path: str, cancel: Cancel) -> None:
        """See AnySession. It is gone in the end, whatever becomes of the connection; if all is well, `keep`."""
        if self._sweeper is None:
            opened = self._begun(sweeping(), Ends.RAW, cancel, WINDOW_SIZE)
            self._sweeper, _ = self._kept_open.enter_context(opened)
        self._send(self._sweeper, os.fsencode(f"{hidden(path)}\n"))

    def keep(self) -> None:
        """Nothing that was doomed is left, and nobody need look."""
        if self._sweeper is not None:
            self._send(self._sweeper, f"{DISMISSED}\n".encode())

    def round_trip(self, cancel: Cancel) -> None:
        """As `Session.round_trip`."""
        self._session.round_trip(cancel)

    def within(self, seconds: float | None, cancel: Cancel) -> AbstractContextManager[Guard]:
        """As `Session.within`."""
        return self._session.within(seconds, cancel)

    def abort(self) -> None:
        """As `Session.abort`."""
        self._session.abort()

    def _no_pipe(self) -> ToolMissing:
        method = self._parties.method
        return ToolMissing(f"{method} there wants a terminal, and tar cannot work through one", hint="--via sftp")

    def _end(self, channel: Channel, prelude: Prelude, receive: Receive, clock: Cancel) -> bool:
        """Only the other user may signal what runs, so that one must do it."""
        said = bytearray()
        with self._begun(ending(prelude.place, prelude.mark), Ends.BARE, clock, WINDOW_SIZE) as (second, words):
            end_input(second)
            said += b"".join(data for _, data in words.rest)
            self._session.hear(second, lambda _, data: said.extend(data), lambda: False, ENDING_SECONDS)
        return nothing_left(bytes(said)) and self._session.closes(channel, receive, KILL_SECONDS)

    @contextmanager
    def _begun(
        self, errand: Errand, on_terminal: Ends, cancel: Cancel, window_size: int
    ) -> Iterator[tuple[Channel, Prelude]]:
        """Through pipes, or on a terminal where there is no other way."""
        with ExitStack() as stack:
            try:
                ends = on_terminal if self._terminal else Ends.PIPES
                opened = stack.enter_context(self._opened(errand, ends, cancel, window_size))
            except _TerminalWanted:
                _log.info("%s: %s wants a terminal; again on one", self._host.name, self._parties.method)
                self._terminal = True
                opened = stack.enter_context(self._opened(errand, on_terminal, cancel, window_size))
            yield opened

    @contextmanager
    def _opened(
        self, errand: Errand, ends: Ends, cancel: Cancel, window_size: int
    ) -> Iterator[tuple[Channel, Prelude]]:
        """A channel on which the errand has begun. Raises: _TerminalWanted, ElevationDenied, Withheld."""
        line, prelude = become(self._elevation, errand, ends)
        sent = sendable(line)

        def ask(channel: Channel) -> None:
            if ends is Ends.TERMINAL:
                channel.get_pty()
            elif ends is not Ends.PIPES:
                channel.get_pty("dumb", _WIDE)
            channel.exec_command(sent)

        with self._session.started(ask, cancel, window_size) as channel:
            self._listen(channel, prelude)
            if prelude.asks:
                self._answer(channel, prelude, cancel)
            if not prelude.begun:
                raise self._refusal(channel, prelude, cancel)
            yield channel, prelude

    def _listen(self, channel: Channel, prelude: Prelude) -> None:
        """Until it is our turn, or the channel has ended."""
        try:
            self._session.hear(channel, prelude.hear, lambda: prelude.waits, _SECONDS)
        except TimeoutError:
            raise refusals.unknown_question(self._parties, self._harmless(prelude.said_since), _SECONDS) from None

    def _answer(self, channel: Channel, prelude: Prelude, cancel: Cancel) -> None:
        password = self._elevation.password
        if password is None:
            raise refusals.password_wanted(self._parties)
        line = refusals.typed(password, self._parties)
        with self._guard.turn(password, self._host.name, cancel) as turn:
            prelude.answered()
            self._send(channel, line)
            self._listen(channel, prelude)
            turn.accepted = self._accepted(prelude)
        if prelude.asks:
            wrong = turn.accepted is False
            raise refusals.rejected(self._parties) if wrong else refusals.second_question(self._parties)

    @staticmethod
    def _accepted(prelude: Prelude) -> bool | None:
        """Whether the password was the right one, as far as that is known."""
        if prelude.begun:
            return True
        said = prelude.said_since
        if prelude.asks:  # right away it asks for something else; a wrong password is told first
            return False if said.strip() else None
        return False if refusals.is_rejection(said) else None

    def _send(self, channel: Channel, line: bytes) -> None:
        try:
            channel.sendall(line)
        except FOREIGN:
            return  # it has ended, and what it said tells why

    def _refusal(self, channel: Channel, prelude: Prelude, cancel: Cancel) -> Exception:
        exit_code = self._session.ended(channel, cancel).exit_code
        said = self._harmless(prelude.said)
        if not prelude.started:
            return refusals.not_started(self._parties)
        if not prelude.on_terminal and self._wants_terminal(said):
            return _TerminalWanted()
        return refusals.refusal(self._parties, said, exit_code, sent=prelude.was_answered)

    def _wants_terminal(self, said: str) -> bool:
        if self._elevation.method is ElevationMethod.DOAS and refusals.doas_would_ask(said):
            if self._elevation.password is None:
                raise refusals.password_wanted(self._parties)
            return True
        return refusals.wants_terminal(said)

    def _harmless(self, said: str) -> str:
        """Nothing echoes the password, and if something did it would not get any further."""
        password = self._elevation.password
        return said if password is None else said.replace(password.reveal(), "***")
