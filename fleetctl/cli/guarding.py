"""What stands between a command and the hosts: a question to the person at the terminal, and a lock."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fleetctl.cancel import Cancel
from fleetctl.cli.guard_options import Guards
from fleetctl.cli.locks import Holder, default_directory, locked
from fleetctl.cli.prompts import agreed, person
from fleetctl.cli.settings import ConfirmSettings, LockSettings
from fleetctl.cli.talk import say
from fleetctl.engine.task import AnyOperation
from fleetctl.errors import UsageError
from fleetctl.history.encoding import readable
from fleetctl.history.origins import machine, user
from fleetctl.jobs.sequence import Sequence as Walked
from fleetctl.nodes import fold
from fleetctl.operations.command import Command
from fleetctl.operations.put import Put
from fleetctl.operations.script import Script
from fleetctl.sizes import counted

_LONGEST = 400
_LOOKED_THROUGH = 256 * 1024


def agree(operation: AnyOperation, names: Sequence[str], guards: Guards, settings: ConfirmSettings) -> None:
    """Ask the person at the terminal whether it is to be done, where that is worth a question.

    Where nobody is there nothing is asked, unless --confirm wants it.
    Raises: UsageError when the answer is no, or nobody can give one that is wanted.
    """
    terminal = person()
    if terminal is None:
        if guards.confirm:
            raise UsageError("nothing was done: nobody agreed", hint="there is no terminal to --confirm at; -y agrees")
        return
    with terminal:
        why = reasons(operation, len(names), settings)
        if not why and not guards.confirm:
            return
        because = f" ({', '.join(why)})" if why else ""
        question = f"{_cut(str(operation))}{because} on {counted(len(names), 'host')}: {_cut(fold(names))}?"
        if not agreed(terminal, question[:1].upper() + question[1:]):
            raise UsageError("nothing was done: nobody agreed", hint="-y agrees; --dry-run says what would be done")


def reasons(operation: AnyOperation, hosts: int, settings: ConfirmSettings) -> list[str]:
    """Why an operation is worth a question; nothing where it is not."""
    found = _perils(operation, settings)
    # What is deleted by put was agreed to when it was made.
    changes = isinstance(operation, Command | Script | Walked) or (
        isinstance(operation, Put) and not operation.choices.delete
    )
    if changes and hosts > settings.above:
        found.append(f"more than {counted(settings.above, 'host')}")
    return found


def _perils(operation: AnyOperation, settings: ConfirmSettings) -> list[str]:
    own = [re.compile(pattern) for pattern in settings.commands]
    if isinstance(operation, Command | Script):
        from fleetctl.cli.perils import perils_of

        return perils_of(_text(operation), own, built_in=settings.built_in)
    if isinstance(operation, Walked):
        from fleetctl.cli.jobs.perils import perils_in

        return perils_in(operation.job, own, built_in=settings.built_in)
    return []


def _text(operation: Command | Script) -> str:
    """What is looked through; of a script the beginning."""
    if isinstance(operation, Command):
        return operation.line
    return operation.source.content[:_LOOKED_THROUGH].decode(errors="replace")


@contextmanager
def alone(work: str, hosts: int, guards: Guards, settings: LockSettings, cancel: Cancel) -> Iterator[None]:
    """Hold the lock that --lock names, if it does, while the block runs.

    Args:
        work: what others are told is done, without secrets.

    Raises: LockHeld, UsageError, Cancelled.
    """
    if guards.lock is None:
        if guards.lock_wait is not None:
            raise UsageError("--lock-wait waits for a lock", hint="name it with --lock")
        yield
        return
    told = readable(f"{_cut(work)} on {counted(hosts, 'host')}")
    holder = Holder(f"{user()} on {machine()}", told, time.time(), os.getpid())
    directory = default_directory() if settings.directory is None else Path(settings.directory)
    with locked(guards.lock, holder, directory, guards.lock_wait, cancel, lambda text: say(f"fleetctl: {text}")):
        yield


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
