"""What `fleetctl rerun` does: find the hosts that are left of a run, and type its words again for them."""

from __future__ import annotations

from typing import Any

from fleetctl.cli.past import JOB_RUN, NOT_OK, REPEATABLE, UNFINISHED, ended, last, open_history, with_status
from fleetctl.cli.rerun import Changes, Which
from fleetctl.cli.retyping import carry_on, check_at_rest, in_brief, retyped, still_there
from fleetctl.cli.talk import say
from fleetctl.cli.typed import typed
from fleetctl.errors import HistoryError
from fleetctl.events import FAILED, UNREACHED, Status
from fleetctl.history.history import History
from fleetctl.history.records import RunRecord


def go_on(word: str | None, which: Which, changes: Changes) -> None:
    """Raises: typer.Exit with the exit code of what is done again; HistoryError, UsageError and its kinds."""
    here = typed().directory or "/"
    with open_history() as history:
        record = last(history) if word is None else history.run(word)
        _check(record, history, which)
        names = _left(record, history, which)
    if not names:
        say(f"nothing is left to do: no host of {record.id} is {_wanted(which)}")
        return
    changed = _changed(changes, record.origin.command)
    words, context = retyped(record, "fleetctl rerun", changes.env, changed)
    names = still_there(names, which.target, here, context.params)
    if not names:
        where = f"in the {'target' if which.target else 'inventory'}"
        say(f"nothing is left to do: no host of {record.id} that is {_wanted(which)} is {where}")
        return
    say(f"again: {record.operation} on {in_brief(names)}, of {record.id}")
    carry_on(words, context, names)


def _check(record: RunRecord, history: History, which: Which) -> None:
    """Raises: HistoryError when it cannot be repeated, or not now."""
    if record.origin.command not in REPEATABLE:
        hint = f"these can be: {', '.join(sorted(REPEATABLE))}"
        raise HistoryError(f"fleetctl {record.origin.command} is not repeated", hint=hint)
    if which.unfinished or which.not_ok or not (which.failed or which.unreachable):
        hint = "wait for it; --failed and --unreachable take the hosts that have ended so already"
        check_at_rest(record, history, hint)


def _left(record: RunRecord, history: History, which: Which) -> list[str]:
    """The hosts of a run that are wanted by how they ended last, in its order."""
    latest = history.latest(record.id)
    wanted = set(with_status(latest, _statuses(which)))
    if which.unfinished:
        wanted.update(ended(latest, UNFINISHED))
    if which.not_ok or not (which.failed or which.unreachable or which.unfinished):
        wanted.update(ended(latest, NOT_OK))
    return [host for host in latest if host in wanted]


def _statuses(which: Which) -> frozenset[Status]:
    return (FAILED if which.failed else frozenset()) | (UNREACHED if which.unreachable else frozenset())


def _wanted(which: Which) -> str:
    """How a sentence goes on about hosts of which there is none."""
    named = {"failed": which.failed, "unreachable": which.unreachable, "unfinished": which.unfinished}
    words = [name for name, asked in named.items() if asked and not which.not_ok]
    return " or ".join(words) or "not ok"


def _changed(changes: Changes, command: str) -> dict[str, Any]:
    """The options that are given anew, as they stand in a context."""
    changed: dict[str, Any] = {}
    looks = changes.output is not None or changes.fold
    if looks or (changes.diff and command != JOB_RUN):  # where --diff is no way to look
        changed |= {"output": changes.output, "fold": changes.fold, "diff": changes.diff}
    changed |= {"diff": True} if changes.diff else {}
    changed |= {} if changes.save is None else {"save": str(changes.save.absolute())}
    names = ("fanout", "quiet", "verbose", "yes", "dry_run")
    return changed | {name: value for name in names if (value := getattr(changes, name))}
