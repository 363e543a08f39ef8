"""The user's settings file: how long history is kept, what is asked before it is done, where audit goes.

$FLEETCTL_CONFIG, else config.yaml in the user's own configuration directory, is laid over /etc/fleetctl/config.yaml,
key by key; `audit` is the administrator's: what /etc says of it holds.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import platformdirs

from fleetctl.errors import InventoryError, Problem, UsageError
from fleetctl.inventory.document import Document, Section, told
from fleetctl.inventory.mistakes import did_you_mean, explained
from fleetctl.sizes import bytes_in

SYSTEM_FILE = Path("/etc/fleetctl/config.yaml")
_VARIABLE = "FLEETCTL_CONFIG"
_WRITABLE_BY_OTHERS = 0o022
_Number = TypeVar("_Number", int, float)


class HistorySettings(msgspec.Struct, frozen=True):
    """How long runs are remembered; see history/.

    Args:
        enabled: keep records of runs at all.
        keep_days, keep_runs, keep_size: older, further and larger than this, runs are forgotten; None leaves it to
            the history.
        directory: where it is; None is the user's state directory.
    """

    enabled: bool = True
    keep_days: float | None = None
    keep_runs: int | None = None
    keep_size: int | str | None = None
    directory: str | None = None


class ConfirmSettings(msgspec.Struct, frozen=True):
    """What is asked before it is done.

    Args:
        above: more hosts than this are worth a question.
        commands: regular expressions of commands that are.
        built_in: ask before those of perils.py, too.
    """

    above: int = 100
    commands: list[str] = []
    built_in: bool = True


class AuditSettings(msgspec.Struct, frozen=True):
    """Where a line on each run goes.

    Args:
        file: appended to.
        syslog: the facility: auth, authpriv, user, local0 …
    """

    file: str | None = None
    syslog: str | None = None


class LockSettings(msgspec.Struct, frozen=True):
    """`directory`: where the files of --lock are; None is the user's state directory."""

    directory: str | None = None


class Settings(msgspec.Struct, frozen=True):
    """All that settings files say."""

    history: HistorySettings = HistorySettings()
    confirm: ConfirmSettings = ConfirmSettings()
    audit: AuditSettings = AuditSettings()
    locks: LockSettings = LockSettings()


_PARTS: dict[str, Any] = {field.name: field.type for field in msgspec.structs.fields(Settings)}
FACILITIES = ("auth", "authpriv", "daemon", "user", *(f"local{number}" for number in range(8)))

Given = dict[str, dict[str, Any]]
"""What a file says, by part and key."""


def load_settings() -> Settings:
    """Raises: InventoryError with every mistake of the files; UsageError when one cannot be used."""
    found: Given = {}
    problems: list[Problem] = []
    own = _own_file()
    for path in (SYSTEM_FILE, own):
        if _is_there(path, needed=path == own and bool(os.environ.get(_VARIABLE))):
            given, wrong = _read(path)
            problems += wrong
            _lay_over(found, given)
    if problems:
        raise InventoryError(problems)
    return msgspec.convert(found, Settings) if found else Settings()


def _lay_over(found: Given, given: Given) -> None:
    for part, values in given.items():
        before = found.get(part, {})
        found[part] = values | before if part == "audit" else before | values
        if part == "confirm":  # what an administrator wants to be asked is asked as well
            found[part]["commands"] = [*before.get("commands", ()), *values.get("commands", ())]


def _own_file() -> Path:
    named = os.environ.get(_VARIABLE)
    return Path(named).expanduser() if named else platformdirs.user_config_path("fleetctl") / "config.yaml"


def _is_there(path: Path, *, needed: bool) -> bool:
    """Whether there is a file that can be trusted: it says where audit goes and what is asked.

    Raises: UsageError when others can write it, or it is needed and not there.
    """
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        if needed:
            raise UsageError(f"cannot read {path}: {error.strerror}", hint=f"${_VARIABLE} names it") from error
        return False
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", hint="check its permissions") from error
    if not stat.S_ISREG(status.st_mode):
        raise UsageError(f"{path} is no file", hint="it should have settings")
    if status.st_mode & _WRITABLE_BY_OTHERS:
        mode = stat.S_IMODE(status.st_mode)
        raise UsageError(f"{path} can be written by others (mode {mode:04o}) and is not used", hint=f"chmod 600 {path}")
    if status.st_uid not in {os.geteuid(), 0}:
        raise UsageError(f"{path} belongs to another user and is not used", hint="it must be yours, or root's")
    return True


def _read(path: Path) -> tuple[Given, list[Problem]]:
    """What a file says, ready for use, and what is wrong with it."""
    document = Document(path)
    content = Section() if document.value is None else document.value
    if not isinstance(content, Section):
        document.complain((), f"must be a mapping, not {told(content)}")
        content = Section()
    found: Given = {}
    for part, values in content.items():
        if part not in _PARTS:
            document.complain((part,), f"unknown key{did_you_mean(part, _PARTS)}")
        elif isinstance(values, Section):
            found[part] = _part(document, part, values)
        elif values is not None:
            document.complain((part,), f"must be a mapping, not {told(values)}")
    return found, sorted(document.problems, key=lambda problem: problem.line)


def _part(document: Document, part: str, values: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    keys = _PARTS[part].__struct_fields__
    for key, value in values.items():
        if key not in keys:
            document.complain((part, key), f"unknown key{did_you_mean(key, keys)}")
        elif value is not None:
            try:
                msgspec.convert({key: value}, _PARTS[part])
                found[key] = _SETTLED.get(key, _as_it_is)(value, document.path.parent)
            except msgspec.ValidationError as error:
                place, message = explained(error)
                document.complain((part, *place), message)
            except ValueError as error:
                document.complain((part, key), str(error))
    return found


def _as_it_is(value: Any, _directory: Path) -> Any:
    return value


def _path(value: str, directory: Path) -> str:
    """Beside the file, where it is relative."""
    return str(directory / Path(value).expanduser())


def _size(value: int | str, directory: Path) -> int:
    return bytes_in(value) if isinstance(value, str) else _not_negative(value, directory)


def _not_negative(value: _Number, _directory: Path) -> _Number:
    if value < 0:
        raise ValueError("must not be less than nothing")
    return value


def _patterns(value: list[str], _directory: Path) -> list[str]:
    for pattern in value:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
    return value


def _facility(value: str, _directory: Path) -> str:
    if value not in FACILITIES:
        raise ValueError(f"{value!r} is no facility of syslog: write one of {', '.join(FACILITIES)}")
    return value


_SETTLED: dict[str, Callable[[Any, Path], Any]] = {
    "above": _not_negative,
    "commands": _patterns,
    "directory": _path,
    "file": _path,
    "keep_days": _not_negative,
    "keep_runs": _not_negative,
    "keep_size": _size,
    "syslog": _facility,
}
