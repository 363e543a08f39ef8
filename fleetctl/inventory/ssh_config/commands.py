"""The commands of `Match exec`: each is run once for a run, by the user's shell, and has an end."""

from __future__ import annotations

import os
import signal
import subprocess

_SECONDS = 10.0


class Commands:
    """Runs commands and remembers how they ended.

    Args:
        hidden: names of variables that hold secrets, which no command gets to see.
    """

    def __init__(self, hidden: frozenset[str]) -> None:
        self._hidden = hidden
        self._ended: dict[str, bool | str] = {}

    def succeeds(self, command: str) -> bool | str:
        """Whether it ends with exit code 0, or why that is not known."""
        if command not in self._ended:
            self._ended[command] = self._run(command)
        return self._ended[command]

    def _run(self, command: str) -> bool | str:
        environment = {name: value for name, value in os.environ.items() if name not in self._hidden}
        shell = os.environ.get("SHELL") or "/bin/sh"
        try:
            child = subprocess.Popen(
                [shell, "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                env=environment, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            return f"cannot be run: {error.strerror}"
        with child:
            try:
                return child.wait(_SECONDS) == 0
            except subprocess.TimeoutExpired:
                return f"did not end within {_SECONDS:g} s"
            finally:
                if child.poll() is None:
                    os.killpg(child.pid, signal.SIGKILL)
