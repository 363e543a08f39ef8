"""Run a command line on a host: in the login shell of the user, as ssh does, or as another user in /bin/sh."""

from __future__ import annotations

import shlex

import msgspec

from fleetctl.events import ErrorFacts, Outcome, Status
from fleetctl.operations import Context
from fleetctl.operations.repeat import Repeat
from fleetctl.ssh.any_session import AnySession
from fleetctl.ssh.any_shell import sh
from fleetctl.ssh.session import Ended

_EXPLAINED = {
    126: ErrorFacts(
        "not-executable", "found, but not executable", hint="check its mode, and its first line if a script"
    ),
    127: ErrorFacts(
        "command-not-found", "command not found", hint="is it installed there, and in the PATH that ssh gives?"
    ),
}
"""What a shell means by these exit codes (POSIX, Shell Command Language, 2.8.2)."""
_READ_DIFFERENTLY = frozenset("\n!\\")
"""Signs that C shells or fish do not leave alone between quotes."""
_KILLED = ErrorFacts("killed", "killed by a signal", hint="out of memory? the host's log may tell")


class Command(msgspec.Struct, frozen=True, tag="command"):
    """A command line and what surrounds it.

    Args:
        line: given to the login shell as it is.
        env: variables set for it, over those of the host.
        cwd: directory to run it in; "" is the login directory.
        timeout: seconds for the command itself, connecting not included; None is without end.
        pty: run it on a terminal of its own.
        silence: seconds for which it may say nothing; None is without end.
        repeat: when it is run again; None is never. The engine does so, on the same connection or a new one.
    """

    line: str
    env: dict[str, str] = {}
    cwd: str = ""
    timeout: float | None = None
    pty: bool = False
    silence: float | None = None
    repeat: Repeat | None = None

    def __str__(self) -> str:
        return f"run {self.line}"

    def perform(self, session: AnySession, context: Context) -> Outcome:
        shell = '"$SHELL"' if context.host.elevation is None else "/bin/sh"
        ended = session.run(
            surrounded(self.line, {**context.host.env, **self.env}, self.cwd, shell),
            context.emit,
            context.cancel,
            timeout=self.timeout,
            silence=self.silence,
            stdin=context.stdin,
            pty=self.pty,
        )
        return outcome_of(ended)


def outcome_of(ended: Ended) -> Outcome:
    """What the end of a command means, as shells have it."""
    if ended.exit_code is None:
        return Outcome(Status.FAILED, signalled=True, error=_KILLED)
    if ended.exit_code == 0:
        return Outcome(Status.OK, exit_code=0)
    return Outcome(Status.FAILED, exit_code=ended.exit_code, error=_EXPLAINED.get(ended.exit_code))


def surrounded(line: str, env: dict[str, str], cwd: str, shell: str = '"$SHELL"') -> str:
    """The line with its directory and variables set first.

    The inner shell is the one that reads the line without them: the user's own (sshd sets $SHELL), or /bin/sh where
    it has another user's rights, for that user's may be one that runs nothing. As one argument the line cannot go on
    when the directory is missing. Servers seldom accept variables by the protocol's own `env` request (AcceptEnv), and
    do not say so.
    """
    if not env and not cwd:
        return line
    place = f"{entered(cwd)} && " if cwd else ""
    whole = f"{place}exec env {assigned(env)}{shell} -c {shlex.quote(line)}"
    return sh(whole, []) if _READ_DIFFERENTLY & set(whole) else whole


def entered(directory: str) -> str:
    """The command that goes into a directory, whatever it is called."""
    return f"cd {path_word(f'./{directory}' if directory.startswith('-') else directory)}"


def path_word(path: str) -> str:
    """A path on the host as one word of a shell, in which `~` is home, as it is where files are moved."""
    if path == "~" or path.startswith("~/"):
        rest = path[2:].lstrip("/")
        return f"~/{shlex.quote(rest)}" if rest else "~"
    return shlex.quote(path)


def assigned(env: dict[str, str]) -> str:
    """Variables as words for env(1), with a blank behind each."""
    return "".join(f"{shlex.quote(f'{name}={value}')} " for name, value in env.items())
