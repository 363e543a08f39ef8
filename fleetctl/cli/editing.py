"""Secrets in an editor: in a directory that only we can read, in memory where there is such a place, removed always."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import yaml

from fleetctl.cli.prompts import confirm
from fleetctl.cli.talk import complain, say
from fleetctl.errors import FleetError, UsageError
from fleetctl.inventory.secrets.vault import Vault, check_name
from fleetctl.model import Secret

_HEAD = "# The secrets of {}: one `name: value` a line. Save and leave; an unchanged file changes nothing.\n"
_EDITOR_SECONDS = 5.0
_LEAVE = (signal.SIGTERM, signal.SIGHUP)


def edit_secrets(vault: Vault) -> None:
    """Raises: UsageError, SecretError."""
    before = vault.secrets()
    with _private_file() as file:
        file.write_text(_HEAD.format(vault.path) + _written(before))
        after = _edited(file)
    changes: dict[str, Secret | None] = dict.fromkeys(before.keys() - after.keys())
    changes |= {name: secret for name, secret in after.items() if before.get(name) != secret}
    if not changes:
        say("nothing was changed")
        return
    vault.change(changes)
    say(f"changed {', '.join(sorted(changes))}")


@contextmanager
def _private_file() -> Iterator[Path]:
    """An empty file for us alone, whose whole directory goes in the end: editors leave more files there."""
    places = ["/dev/shm", os.environ.get("XDG_RUNTIME_DIR", "")]  # noqa: S108 - in it is a directory of ours
    place = next((place for place in places if place and os.access(place, os.W_OK | os.X_OK)), None)
    with _leaving_orderly():
        directory = Path(tempfile.mkdtemp(prefix="fleetctl-", dir=place))
        try:
            file = directory / "secrets.yaml"
            file.touch(mode=0o600)
            yield file
        finally:
            shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def _leaving_orderly() -> Iterator[None]:
    """SIGTERM and SIGHUP leave through every `finally` of the block."""
    before = {number: signal.signal(number, _leave) for number in _LEAVE}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def _edited(file: Path) -> dict[str, Secret]:
    """What is in the file after the editor; opened again, if the person wants, while it cannot be read."""
    while True:
        _open_editor(file)
        try:
            return _read(file)
        except UsageError as error:
            complain(error.message, error.hint)
            if not confirm("Edit it again?"):
                raise UsageError("nothing was changed", hint="the vault is as it was") from None


def _open_editor(file: Path) -> None:
    """Raises: UsageError."""
    words = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    with _deaf_to_ctrl_c():
        try:
            child = subprocess.Popen([*words, str(file)])
        except OSError as error:
            raise UsageError(
                f"cannot run {words[0]}: {error.strerror}", hint="set $EDITOR to an editor that is there"
            ) from error
        try:
            code = child.wait()
        finally:
            _end(child)
    if code != 0:
        raise UsageError(f"{words[0]} ended with exit code {code}: nothing was changed", hint="the vault is as it was")


def _end(child: subprocess.Popen[bytes]) -> None:
    """An editor that outlived us would write its file again."""
    child.terminate()
    try:
        child.wait(_EDITOR_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """It goes to all on the terminal, and is meant for the editor."""
    before = signal.signal(signal.SIGINT, _nothing)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """Unlike SIG_IGN, a handler is not passed on to the editor."""


def _written(secrets: Mapping[str, Secret]) -> str:
    plain = {name: secret.reveal() for name, secret in secrets.items()}
    return yaml.safe_dump(plain, allow_unicode=True, width=1_000_000) if plain else ""


def _read(file: Path) -> dict[str, Secret]:
    """Every value is taken as text: `0123`, `yes` and `1e3` stay what they are.

    Raises: UsageError with the line, and nothing of what stands there.
    """
    try:
        node = yaml.compose(file.read_text(), yaml.BaseLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        raise UsageError(f"{_line(mark)}this is no YAML", hint="write name: 'value', with quotes") from None
    if node is None:
        return {}
    if not isinstance(node, yaml.MappingNode):
        raise UsageError("this is no list of `name: value` lines", hint="write name: 'value', with quotes")
    found: dict[str, Secret] = {}
    for key, value in node.value:
        name = _name(key)
        if name in found:
            raise UsageError(f"{_line(key.start_mark)}a name is there twice", hint="take one of them out")
        found[name] = _value(value)
    return found


def _name(node: Any) -> str:
    if isinstance(node, yaml.ScalarNode):
        try:
            check_name(node.value)
        except FleetError as error:
            raise UsageError(f"{_line(node.start_mark)}this cannot be a secret's name", hint=error.hint) from None
        return str(node.value)
    raise UsageError(f"{_line(node.start_mark)}a name is a word", hint="write name: 'value', with quotes")


def _value(node: Any) -> Secret:
    if not isinstance(node, yaml.ScalarNode) or not node.value:
        raise UsageError(f"{_line(node.start_mark)}a secret is a text", hint="write name: 'value', with quotes")
    return Secret(node.value)


def _line(mark: Any) -> str:
    return f"line {mark.line + 1}: " if mark is not None else ""
