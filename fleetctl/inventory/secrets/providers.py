"""Where secrets come from: a variable, a file, what a command says, the keyring of the desktop.

Whatever goes wrong, no message holds a part of the secret: what a command says on stderr is shown, on stdout never.
"""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

from fleetctl.errors import SecretError
from fleetctl.model import Secret

_COMMAND_SECONDS = 30.0
_SHOWN_STDERR = 300


def from_variable(name: str) -> Secret:
    if name not in os.environ:
        raise SecretError(f"the variable {name} is not set", hint=f"export {name}=… before the run")
    return Secret(_text(os.fsencode(os.environ[name]), end=""))


def from_file(path: str, directory: Path) -> Secret:
    try:
        return Secret(_text((directory / Path(path).expanduser()).read_bytes()))
    except (OSError, RuntimeError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or error
        raise SecretError(f"cannot read {path}: {reason}", hint="check the path and its permissions") from error


def check_commands_of(file: Path) -> None:
    """Raises: SecretError when others could have written the commands of a file."""
    if others_may(file, stat.S_IWGRP | stat.S_IWOTH):
        raise SecretError(f"{file} can be written by others, so its command is not run", hint=f"chmod go-w {file}")


def from_command(words: tuple[str, ...], directory: Path, hidden: frozenset[str]) -> Secret:
    """What a command writes to stdout, run anew each time.

    Args:
        hidden: names of variables that it does not get to see.

    Raises: SecretError.
    """
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    return Secret(_text(_output(words, environment, directory)))


def from_keyring(service: str, user: str) -> Secret:
    try:
        import keyring
    except ImportError:
        raise SecretError("the library keyring is not installed", hint="pip install 'fleetctl[keyring]'") from None
    try:
        found = keyring.get_password(service, user)
    except Exception as error:  # noqa: BLE001 - every backend raises errors of its own
        raise SecretError(
            f"the keyring cannot be used: {type(error).__name__}", hint=f"try: keyring get {service} {user}"
        ) from None
    if found is None:
        raise SecretError(
            f"the keyring has no password of {user} for {service}", hint=f"put it there: keyring set {service} {user}"
        )
    return Secret(_filled(found))


def _output(words: tuple[str, ...], environment: dict[str, str], directory: Path) -> bytes:
    """What a command writes to stdout. Raises: SecretError.

    The pipes are closed after the time-out without waiting for their end: a grandchild may hold them.
    """
    late: bytes | None = None
    try:
        with subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=environment, cwd=directory,
        ) as child:  # fmt: skip
            try:
                stdout, stderr = child.communicate(timeout=_COMMAND_SECONDS)
            except subprocess.TimeoutExpired as error:
                late = error.stderr or b""
            finally:
                child.kill()
    except OSError as error:
        raise SecretError(f"cannot run {words[0]}: {error.strerror}", hint="check that it is installed") from error
    # Out of the except clause: the exception holds what the command said on stdout, and must not be the cause of ours.
    if late is not None:
        raise SecretError(f"no answer within {_COMMAND_SECONDS:g} s{_said(late)}", hint="run it yourself to see why")
    if child.returncode != 0:
        raise SecretError(f"exit code {child.returncode}{_said(stderr)}", hint="run it yourself to see why")
    return stdout


def _said(stderr: bytes) -> str:
    """The end of it, on one line: each reference that fails is told on one."""
    said = " | ".join(filter(None, map(str.strip, stderr.decode(errors="replace").splitlines())))
    return f": {said[-_SHOWN_STDERR:]}" if said else ""


def _text(data: bytes, end: str = "\r\n") -> str:
    """Without what may stand at its `end`.

    Raises: SecretError, which must not hold any of the data, as UnicodeDecodeError does.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise SecretError("is not text", hint="a secret is text in UTF-8") from None
    return _filled(text.rstrip(end))


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
