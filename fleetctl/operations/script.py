"""Run a script of this machine on a host, from a file in a private directory that is gone in the end, whatever happens.

The script travels through stdin, so no list of processes shows it, and one round trip does all. What else comes there
is what the script reads. A shell of ours keeps it in a directory that only the user may enter, runs its interpreter on
it, which also works where nothing in /tmp may be executed, and removes it. That shell may be killed: then a process in
a session of its own does so, which lives as long as the shell holds on to a pipe. It needs setsid(1), as Linux has it.
"""

from __future__ import annotations

import os
import re
import secrets
import shlex
import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec

from fleetctl.errors import TransferError, UsageError
from fleetctl.events import Outcome, Stream
from fleetctl.operations import Context, Emit
from fleetctl.operations.command import assigned, entered, outcome_of
from fleetctl.operations.repeat import Repeat
from fleetctl.operations.stdin import Following
from fleetctl.ssh.any_session import AnySession
from fleetctl.ssh.any_shell import sh
from fleetctl.ssh.stream.feeding import Stdin

LARGEST = 16 * 1024 * 1024
_LONGEST_FIRST_LINE = 4096
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LONGEST_REASON = 4096
_BEGINS = b"\x1e"
"""Of a mark: nothing that hosts say has to wait because it could be the beginning of one."""
_READY, _ARRIVED, _REFUSED = b"r", b"a", b"n"
"""What follows one: the terminal takes bytes as they are; the script is there; why it cannot be kept."""

# Traps are set before there is something to remove. Where a signal has come, it is obeyed when what runs has ended,
# which gets it as well. `3>&-`: a daemon that the script leaves must not hold the pipe. `fullblock`: a pipe gives less
# at a time than was asked for; where dd cannot wait for all, it takes single bytes, for what follows is not ours.
_SCRIPT = """
{place}
refuse() {{ printf '%s%s' "$mark" "n$1" >&2; exit 1; }}
mark={mark} d=
trap '[ -z "$d" ] || rm -rf "$d"' EXIT
trap 'exit 129' HUP; trap 'exit 130' INT; trap 'exit 131' QUIT; trap 'exit 143' TERM
said='there is no /tmp'
for t in {temporary} /tmp; do
case $t in /*) ;; *) continue;; esac
d=$t/{directory}
said=$(umask 077; exec mkdir "$d" 2>&1) && break
d=
done
[ -n "$d" ] || refuse "$said"
if command -v setsid >/dev/null && mkfifo "$d/.fleetctl" && exec 3<>"$d/.fleetctl" 4<"$d/.fleetctl"; then
setsid sh -c 'trap "" HUP INT TERM; read -r never; rm -rf "$0"' "$d" <&4 >/dev/null 2>&1 3>&- 4<&- &
exec 4<&-
fi
f=$d/{name}
{before}
said=$(umask 077
if dd count=0 iflag=fullblock </dev/null >/dev/null 2>&1; then set -- bs={size} count=1 iflag=fullblock
else set -- bs=1 count={size}; fi
exec dd "$@" 2>&1 >"$f")
[ "$(wc -c <"$f")" -eq {size} ] || refuse "$said"
{after}
{line} 3>&-
exit
"""
# As bytes they are, and without an end that could be typed, until all of the script is there.
_BEFORE_ON_TERMINAL = """saved=$(stty -g); stty raw -echo; printf '%s' "${mark}r" """
_AFTER_ON_TERMINAL = """stty "$saved"; printf '%s' "${mark}a" """


class Source(msgspec.Struct, frozen=True):
    """A script as it was read.

    Args:
        name: as it was named, for people.
        interpreter: the words before that of its file.
    """

    name: str
    content: bytes
    interpreter: tuple[str, ...] = ("sh",)

    def __repr__(self) -> str:
        return f"Source({self.name!r})"


def read_script(path: str, interpreter: Sequence[str] = ()) -> Source:
    """A local script; without an interpreter that of its first line, as the system has it, and without one sh.

    Raises: UsageError.
    """
    try:
        with Path(path).expanduser().open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    if not content:
        raise UsageError(f"{path} is empty")
    if len(content) > LARGEST:
        raise UsageError(f"{path} is over 16 MiB", hint="a script fetches what is large; `fleetctl put` sends it")
    if content.startswith(b"\x7fELF"):
        raise UsageError(f"{path} is a program and no script", hint="send it with `fleetctl put --mode 0755`")
    return Source(path, content, tuple(interpreter) or _interpreter(path, content))


def _interpreter(path: str, content: bytes) -> tuple[str, ...]:
    first = content[:_LONGEST_FIRST_LINE].partition(b"\n")[0]
    if first.endswith(b"\r"):
        raise UsageError(
            f"{path} has the line ends of Windows, which no interpreter of its first line, and no sh, can do with",
            hint=r"sed -i 's/\r$//' FILE takes them out",
        )
    if first.startswith(_BYTE_ORDER_MARK):
        raise UsageError(
            f"{path} begins with a byte order mark, which hides its first line from every system",
            hint=r"sed -i '1s/^\xef\xbb\xbf//' FILE takes it out",
        )
    if not first.startswith(b"#!"):
        return ("sh",)
    line = os.fsdecode(first[2:])
    words = line.strip(" \t").split(None, 1)  # the system makes one argument of all that follows
    if not words or "\0" in line:
        raise UsageError(f"{path} names no interpreter in its first line", hint="#!/bin/sh")
    return tuple(words)


class Script(msgspec.Struct, frozen=True, tag="script"):
    """A script and what surrounds it; the fields are those of Command."""

    source: Source
    args: tuple[str, ...] = ()
    env: dict[str, str] = {}
    cwd: str = ""
    timeout: float | None = None
    pty: bool = False
    silence: float | None = None
    repeat: Repeat | None = None

    def __str__(self) -> str:
        return f"script {shlex.join([self.source.name, *self.args])}"

    def perform(self, session: AnySession, context: Context) -> Outcome:
        """Raises: TransferError when the host cannot keep it, and what `Session.run` raises."""
        token = secrets.token_hex(8)
        content = self.source.content
        stdin = _Turns(content, context.stdin) if self.pty else Following(content, context.stdin)
        listening = _Listening(context.emit, token, stdin if isinstance(stdin, _Turns) else None)
        ended = session.run(
            self._line(token, {**context.host.env, **self.env}),
            listening.receive,
            context.cancel,
            timeout=self.timeout,
            silence=self.silence,
            stdin=stdin,
            pty=self.pty,
        )
        listening.end()
        if listening.refusal is not None:
            hint = "is there room in its /tmp? -e TMPDIR=… names another place"
            raise TransferError(f"the host cannot keep the script: {listening.refusal}", hint=hint)
        return outcome_of(ended)

    def _line(self, token: str, env: dict[str, str]) -> str:
        """The command line for any login shell."""
        words = f'{shlex.join(self.source.interpreter)} "$f" {shlex.join(self.args)}'
        script = _SCRIPT.format(
            place=f"{entered(self.cwd)} || exit" if self.cwd else "",
            mark=f"$(printf '\\036%s' {token})",
            temporary=shlex.quote(env["TMPDIR"]) if "TMPDIR" in env else '"$TMPDIR"',
            directory=f"fleetctl-{token}",
            name=shlex.quote(Path(self.source.name).name),
            size=len(self.source.content),
            before=_BEFORE_ON_TERMINAL if self.pty else "",
            after=_AFTER_ON_TERMINAL if self.pty else "",
            line=f"env {assigned(env)}{words}" if env else words,
        )
        return sh(script, [])


class _Turns:
    """What a script on a terminal reads: itself, when the terminal is ready for it, and the rest when it has arrived.

    For one reader; told from another thread.
    """

    def __init__(self, script: bytes, then: Stdin | None) -> None:
        self._stdin = Following(script, then)
        self._size = len(script)
        self.ready, self.arrived = threading.Event(), threading.Event()

    def read(self, offset: int, seconds: float) -> bytes | None:
        """As Stdin."""
        turn = self.ready if offset < self._size else self.arrived
        return self._stdin.read(offset, seconds) if turn.wait(seconds) else None

    def wake(self) -> None:
        self.ready.set()
        self.arrived.set()
        self._stdin.wake()


class _Listening:
    """Hands over output without the marks of our shell, and takes notice of these."""

    def __init__(self, emit: Emit, token: str, turns: _Turns | None) -> None:
        self._emit = emit
        self._mark = _BEGINS + token.encode()
        self._marked = re.compile(re.escape(self._mark) + b"(.)", re.DOTALL)
        self._held: dict[Stream, bytes] = {"stdout": b"", "stderr": b""}
        self._turns = turns
        self._refusal: bytes | None = None

    @property
    def refusal(self) -> str | None:
        """Why the host cannot keep the script, in its own words; None where it does."""
        if self._refusal is None:
            return None
        return self._refusal.decode(errors="replace").strip().partition("\n")[0] or "it does not say why"

    def receive(self, stream: Stream, data: bytes) -> None:
        data, self._held[stream] = self._held[stream] + data, b""
        while self._refusal is None and (found := self._marked.search(data)) is not None:
            self._say(stream, data[: found.start()])
            data = data[found.end() :]
            self._notice(found[1])
        if self._refusal is not None:
            self._refusal = (self._refusal + data)[:_LONGEST_REASON]
            return
        place = data.rfind(_BEGINS)
        begun = place >= 0 and self._mark.startswith(data[place:])
        if begun:
            data, self._held[stream] = data[:place], data[place:]
        self._say(stream, data)

    def end(self) -> None:
        """There is no more."""
        for stream, held in self._held.items():
            self._say(stream, held)

    def _notice(self, word: bytes) -> None:
        if word == _REFUSED:
            self._refusal = b""
        elif self._turns is not None:
            (self._turns.ready if word == _READY else self._turns.arrived).set()

    def _say(self, stream: Stream, data: bytes) -> None:
        if data:
            self._emit(stream, data)
