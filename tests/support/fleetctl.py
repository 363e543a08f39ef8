"""The installed `fleetctl` command, run as a user would: as a process, piped or on a terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.running import Ran, Running, start_on_terminal, start_piped

SCRIPT = Path(sys.executable).with_name("fleetctl")
"""The console script of the environment that runs the tests."""

__all__ = ["SCRIPT", "Fleetctl", "Ran", "Running", "own_mistakes"]

_TRACEBACK = "Traceback (most recent call last)"
_OWN_MISTAKES = ("mistake of fleetctl", "fault of fleetctl")


def own_mistakes(said: str, *, tracebacks: bool = False) -> list[str]:
    """The lines that tell of a crash: of fleetctl as a whole, or of its part for one host.

    Args:
        tracebacks: these are asked for, so they are no sign of one: -vv shows them for every error.
    """
    signs = _OWN_MISTAKES if tracebacks else (*_OWN_MISTAKES, _TRACEBACK)
    return [line for line in said.splitlines() if any(sign in line for sign in signs)]


@dataclass(frozen=True)
class Fleetctl:
    """`fleetctl(...)` runs the command to its end; `start` and `on_terminal` hand it out while it runs.

    A command that is run to its end must not crash, and none may show a secret that `tests.support.secrecy` knows,
    whatever else its test looks at.
    The environment is bare: PATH, a UTF-8 locale, and a HOME of the test's own; no agent, no NO_COLOR.
    """

    home: Path

    def __call__(
        self,
        *args: str | Path,
        stdin: bytes | str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout: float = 60.0,
        shows: Collection[str] = (),
    ) -> Ran:
        """Run to the end with pipes for stdout and stderr.

        Args:
            stdin: what to pipe in; None is /dev/null.
            env: variables to add.
            timeout: seconds.
            shows: the secrets that it is there to show.

        Raises:
            subprocess.TimeoutExpired: the process is killed then.
            AssertionError: it told of a mistake of its own, or a secret.
        """
        given = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(
            self.command(args),
            input=given, stdin=subprocess.DEVNULL if given is None else None, capture_output=True,
            env=self.environment(env), cwd=cwd or self.home, timeout=timeout, check=False,
            start_new_session=True,  # nobody at a terminal, not even at that of whoever runs the tests
        )  # fmt: skip
        ran = Ran(tuple(map(str, args)), done.returncode, done.stdout, done.stderr)
        if own_mistakes(ran.stdout + ran.stderr, tracebacks="-vv" in ran.args):
            raise AssertionError(f"fleetctl crashed:\n{ran.stdout}\n{ran.stderr}")
        ran.check(shows)
        return ran

    def start(
        self,
        *args: str | Path,
        env: Mapping[str, str] | None = None,
        keyboard: bool = False,
        shows: Collection[str] = (),
    ) -> Running:
        """Start with pipes; `keyboard` makes stdin a pipe to `type` into instead of /dev/null."""
        running = start_piped(self.command(args), self.environment(env), self.home, keyboard=keyboard)
        running.shows = shows
        return running

    def on_terminal(
        self,
        *args: str | Path,
        env: Mapping[str, str] | None = None,
        columns: int = 100,
        lines: int = 30,
        shows: Collection[str] = (),
    ) -> Running:
        """Start on a pseudo-terminal of its own, where `type("\\x03")` is Ctrl-C."""
        variables = self.environment(env) | {"TERM": "xterm-256color"}
        running = start_on_terminal(self.command(args), variables, self.home, columns, lines)
        running.shows = shows
        return running

    def command(self, args: tuple[str | Path, ...]) -> list[str]:
        return [str(SCRIPT), *map(str, args)]

    def environment(self, more: Mapping[str, str] | None) -> dict[str, str]:
        bare = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8"}
        return bare | dict(more or {})
