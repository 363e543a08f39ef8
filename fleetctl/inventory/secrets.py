"""References to secrets become secrets: from the environment, a file, a command, or a person. Each once per run."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

from fleetctl.errors import SecretError
from fleetctl.inventory.levels import Given
from fleetctl.inventory.types import SecretRef
from fleetctl.model import Secret

_COMMAND_SECONDS = 30.0
_SHOWN_STDERR = 300

Ask = Callable[[str], Secret]


class Secrets:
    """Resolves references, remembering each for the run.

    Args:
        ask: asks a person; None where nobody can be asked.
    """

    def __init__(self, ask: Ask | None) -> None:
        self._ask = ask
        self._known: dict[tuple[str, str], Secret] = {}

    def resolve(self, given: Given, used_by: str) -> Secret:
        """The secret itself. Raises: SecretError, naming the host and the reference, never the secret."""
        if isinstance(given.value, Secret):
            return given.value
        if isinstance(given.value, str):
            return Secret(given.value)
        file = given.file or Path()
        key = (str(given.value), str(file.parent))
        if key not in self._known:
            try:
                self._known[key] = self._fetch(given.value, file)
            except SecretError as error:
                raise SecretError(f"{used_by}: {given.value}: {error.message}", hint=error.hint) from error
        return self._known[key]

    def _fetch(self, reference: SecretRef, file: Path) -> Secret:
        match reference.given():
            case "env", name:
                if name not in os.environ:
                    raise SecretError(f"the variable {name} is not set", hint=f"export {name}=… before the run")
                return Secret(os.environ[name])
            case "file", path:
                return _from_file(file.parent / Path(path).expanduser())
            case "command", words:
                return _from_command(words, file)
            case _, text:
                if self._ask is None:
                    raise SecretError("nobody can be asked", hint="use env, file or command instead of prompt")
                return self._ask(f"{text}: ")


def _from_file(path: Path) -> Secret:
    try:
        return Secret(path.read_text().rstrip("\r\n"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not text"
        raise SecretError(f"cannot read {path}: {reason}", hint="check the path and its permissions") from error


def _from_command(words: list[str], file: Path) -> Secret:
    if others_may(file, stat.S_IWGRP | stat.S_IWOTH):
        raise SecretError(f"{file} can be written by others, so its command is not run", hint=f"chmod go-w {file}")
    if not words:
        raise SecretError("the command is empty", hint="write it as a list: [pass, show, fleet/db]")
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=_COMMAND_SECONDS, check=False, cwd=file.parent
        )
    except subprocess.TimeoutExpired:
        raise SecretError(f"no answer within {_COMMAND_SECONDS:g} s", hint="run it yourself to see why") from None
    except OSError as error:
        raise SecretError(f"cannot run {words[0]}: {error.strerror}", hint="check that it is installed") from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()[-_SHOWN_STDERR:]
        raise SecretError(f"exit code {done.returncode}: {said}", hint="run it yourself to see why")
    return Secret(done.stdout.decode(errors="replace").rstrip("\r\n"))


def others_may(path: Path, mode: int) -> bool:
    """Whether a file grants its group or the world any of the permission bits."""
    try:
        return bool(path.stat().st_mode & mode)
    except OSError:
        return False
