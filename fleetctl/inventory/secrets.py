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
    """Resolves references, remembering each for the run, be it resolved or not.

    Args:
        ask: asks a person; None where nobody can be asked.
        hidden: names of variables that hold secrets, which no command gets to see.
    """

    def __init__(self, ask: Ask | None, hidden: frozenset[str] = frozenset()) -> None:
        self._ask = ask
        self._hidden = hidden
        self._known: dict[tuple[SecretRef, Path], Secret | SecretError] = {}

    def resolve(self, given: Given) -> Secret:
        """The secret itself. Raises: SecretError, naming the reference, never the secret."""
        reference = given.value
        if isinstance(reference, Secret):
            return reference
        if isinstance(reference, str):
            return Secret(reference)
        file = given.file or Path()
        key = (reference, file if reference.file or reference.command else Path())
        if key not in self._known:
            try:
                self._known[key] = self._fetch(reference, file)
            except SecretError as error:
                self._known[key] = SecretError(f"{reference}: {error.message}", hint=error.hint)
        found = self._known[key]
        if isinstance(found, SecretError):
            raise found
        return found

    def _fetch(self, reference: SecretRef, file: Path) -> Secret:
        match reference.given():
            case "env", name:
                return _from_variable(name)
            case "file", path:
                return _from_file(path, file.parent)
            case "command", words:
                return self._from_command(words, file)
            case _, text:
                if self._ask is None:
                    raise SecretError("nobody can be asked", hint="use env, file or command instead of prompt")
                return self._ask(f"{text}: ")

    def _from_command(self, words: tuple[str, ...], file: Path) -> Secret:
        check_commands_of(file)
        return from_command(words, file.parent, self._hidden)


def check_commands_of(file: Path) -> None:
    """Raises: SecretError when others could have written the commands of a file."""
    if others_may(file, stat.S_IWGRP | stat.S_IWOTH):
        raise SecretError(f"{file} can be written by others, so its command is not run", hint=f"chmod go-w {file}")


def from_command(words: tuple[str, ...], directory: Path, hidden: frozenset[str]) -> Secret:
    """What a command says, run anew each time.

    Args:
        hidden: names of variables that it does not get to see.

    Raises: SecretError.
    """
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    return Secret(_text(_output(words, environment, directory)))


def _from_variable(name: str) -> Secret:
    if name not in os.environ:
        raise SecretError(f"the variable {name} is not set", hint=f"export {name}=… before the run")
    return Secret(_filled(os.environ[name]))


def _from_file(path: str, directory: Path) -> Secret:
    try:
        return Secret(_text((directory / Path(path).expanduser()).read_bytes()))
    except (OSError, RuntimeError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or error
        raise SecretError(f"cannot read {path}: {reason}", hint="check the path and its permissions") from error


def _output(words: tuple[str, ...], environment: dict[str, str], directory: Path) -> bytes:
    """What a command writes to stdout. Raises: SecretError.

    The pipes are closed after the time-out without waiting for their end: a grandchild may hold them.
    """
    try:
        with subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=environment, cwd=directory,
        ) as child:  # fmt: skip
            try:
                stdout, stderr = child.communicate(timeout=_COMMAND_SECONDS)
            finally:
                child.kill()
    except subprocess.TimeoutExpired:
        raise SecretError(f"no answer within {_COMMAND_SECONDS:g} s", hint="run it yourself to see why") from None
    except OSError as error:
        raise SecretError(f"cannot run {words[0]}: {error.strerror}", hint="check that it is installed") from error
    if child.returncode != 0:
        said = stderr.decode(errors="replace").strip()[-_SHOWN_STDERR:]
        raise SecretError(f"exit code {child.returncode}: {said}", hint="run it yourself to see why")
    return stdout


def _text(data: bytes) -> str:
    """Raises: SecretError, which must not hold any of the data, as UnicodeDecodeError does."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise SecretError("is not text", hint="a secret is text in UTF-8") from None
    return _filled(text.rstrip("\r\n"))


def _filled(text: str) -> str:
    if not text:
        raise SecretError("is empty", hint="a secret has at least one character")
    return text


def others_may(path: Path, mode: int) -> bool:
    """Whether a file grants its group or the world any of the permission bits."""
    try:
        return bool(path.stat().st_mode & mode)
    except OSError:
        return False
