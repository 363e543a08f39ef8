"""What `fleetctl rerun` does: find the hosts that are left of a run, and type its words again for them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import chdir
from pathlib import Path
from typing import Any

import typer

from fleetctl.cli.app import app
from fleetctl.cli.past import NOT_OK, REPEATABLE, UNFINISHED, ended, last, open_history, with_status
from fleetctl.cli.rerun import Changes, Which
from fleetctl.cli.running import piped_stdin
from fleetctl.cli.sources import digest, load_inventory
from fleetctl.cli.talk import say, warn
from fleetctl.cli.typed import Typed, typed, typed_again
from fleetctl.errors import HistoryError, UsageError
from fleetctl.events import FAILED, UNREACHED, Status
from fleetctl.history.history import History
from fleetctl.history.records import RunRecord
from fleetctl.inventory import parse_adhoc
from fleetctl.nodes import fold
from fleetctl.sizes import counted

_MASK = "***"
_VARIABLE = re.compile(r"(?P<option>-[A-Za-z]*e|--env=)?(?P<name>[A-Za-z_]\w*)=.*", re.DOTALL)
_TAKES_VARIABLE = re.compile(r"-[A-Za-z]*e|--env")
_NAMES_IN_MESSAGE = 1000


def go_on(word: str | None, which: Which, changes: Changes) -> None:
    """Raises: typer.Exit with the exit code of what is done again; HistoryError, UsageError and its kinds."""
    here = typed().directory or "/"
    with open_history() as history:
        record = last(history) if word is None else history.run(word)
        _check(record, history, which)
        names = _left(record, history, which)
    if names:
        words, context = _typed_again(record, changes)
        if record.origin.inventory not in {"", words.inventory}:
            warn(f"the inventory has changed since {record.id}")
        names = _still_there(names, which, here, context.params)
    if not names:
        say(f"nothing is left to do: no host of {record.id} {_wanted(which)}")
        return
    _set_hosts(context.params, names)
    shown = fold(names)
    shown = shown if len(shown) <= _NAMES_IN_MESSAGE else counted(len(names), "host")
    say(f"again: {record.operation} on {shown}, of {record.id}")
    with typed_again(words), context:
        context.command.invoke(context)


def _check(record: RunRecord, history: History, which: Which) -> None:
    """Raises: HistoryError when it cannot be repeated, or not now."""
    if record.origin.command not in REPEATABLE:
        hint = f"these can be: {', '.join(sorted(REPEATABLE))}"
        raise HistoryError(f"fleetctl {record.origin.command} is not repeated", hint=hint)
    alive = [run for run in history.chain(record.id) if history.run(run).alive]
    if alive and (which.unfinished or which.not_ok or not (which.failed or which.unreachable)):
        hint = "wait for it; --failed and --unreachable take the hosts that have ended so already"
        raise HistoryError(f"{alive[-1]} is still at work", hint=hint)


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
    return f"is {' or '.join(words) or 'not ok'}{' and in the target' if which.target else ''}"


def _typed_again(record: RunRecord, changes: Changes) -> tuple[Typed, Any]:
    """The words of the run, and its command as it stands when they have been read."""
    origin = record.origin
    save = None if changes.save is None else str(changes.save.absolute())
    _enter(origin.directory)
    argv = _with_variables(record, changes.env)
    command = typer.main.get_group(app(argv)).commands[origin.command]
    context: Any = command.make_context(origin.command, list(argv[1:]))
    context.params |= dict(_changed(changes)) | ({} if save is None else {"save": save})
    _see_to_stdin(record, context.params)
    inventory = digest(_files(context.params), context.params["host"])
    return Typed(argv, origin.directory, record.id, inventory), context


def _enter(directory: str) -> None:
    if not directory:
        return
    try:
        os.chdir(directory)
    except OSError as error:
        message = f"the run was typed in {directory}, which cannot be entered: {error.strerror}"
        raise UsageError(message, hint="its words may mean something else elsewhere: type them again") from error


def _with_variables(record: RunRecord, given: Sequence[str]) -> tuple[str, ...]:
    """The words of the run, with some variables set anew. Raises: HistoryError when a secret is missing."""
    argv = list(record.origin.argv)
    if given and record.origin.command != "run":
        raise UsageError(f"{record.origin.command} takes no variables", hint="-e is for what run did")
    new = {pair.partition("=")[0]: pair for pair in given}
    for place, match in _variables(argv):
        if match["name"] in new:
            argv[place] = f"{match['option'] or ''}{new.pop(match['name'])}"
    argv[1:1] = [word for pair in new.values() for word in ("-e", pair)]
    if record.origin.masked and not any(_MASK in word for word in record.origin.argv):
        raise HistoryError("what was typed is no text, and is not kept as it was", hint="type it anew")
    if record.origin.masked and (hidden := [word for word in argv if _MASK in word]):
        hint = f"type the command anew, with -t @run:{record.id}:not-ok"
        variables = [match["name"] for place, match in _variables(argv) if argv[place] in hidden]
        if len(variables) == len(hidden):
            again = " ".join(f"-e {name}=…" for name in variables)
            hint = f"give it again: fleetctl rerun {record.id} {again}; or {hint}"
        raise HistoryError(f"a secret was typed, and is not kept: {' '.join(hidden)}", hint=hint)
    return tuple(argv)


def _variables(argv: Sequence[str]) -> Iterator[tuple[int, re.Match[str]]]:
    """The words that set a variable, and where they stand."""
    for place, before in enumerate(argv[:-1], 1):
        match = _VARIABLE.fullmatch(argv[place])
        if match and (match["option"] or _TAKES_VARIABLE.fullmatch(before)):
            yield place, match


def _changed(changes: Changes) -> Iterator[tuple[str, Any]]:
    """The options that are given anew, as they stand in a context."""
    if changes.output is not None or changes.fold or changes.diff:
        yield "output", changes.output
        yield "fold", changes.fold
        yield "diff", changes.diff
    for name in ("fanout", "quiet", "verbose", "yes", "dry_run"):
        if value := getattr(changes, name):
            yield name, value


def _see_to_stdin(record: RunRecord, options: dict[str, Any]) -> None:
    """What was piped in then must be again; where nothing was, nothing is read. Raises: HistoryError."""
    if not record.origin.reads_stdin:
        if "no_stdin" in options:
            options["no_stdin"] = True
    elif options.get("stdin") is None:
        descriptor = piped_stdin(None, leave=False)
        if descriptor is None:
            hint = f"pipe it in again: … | fleetctl rerun {record.id}"
            raise HistoryError("the run read what was piped into it, which is not kept", hint=hint)
        os.close(descriptor)


def _still_there(names: list[str], which: Which, here: str, options: dict[str, Any]) -> list[str]:
    """The hosts that there still are, and that are in the target, if one is given; `here` is where it was typed."""
    ssh_config = options.get("ssh_config")
    inventory = load_inventory(_files(options), options["host"], None if ssh_config is None else Path(ssh_config))
    gone = set(names) - set(inventory.names)
    if gone:
        warn(f"no longer in the inventory, and left out: {fold(gone)}")
    with chdir(here):
        chosen = set(inventory.select(*which.target)) if which.target else set(names)
    return [name for name in names if name in chosen - gone]


def _files(options: dict[str, Any]) -> list[Path]:
    return [Path(file) for file in options["inventory"]]


def _set_hosts(options: dict[str, Any], names: list[str]) -> None:
    options["target"] = [",".join(names)]
    options["exclude"] = []
    options["host"] = [spec for spec in options["host"] if parse_adhoc(spec).name in set(names)]
    if "words" in options and "recursive" not in options:  # of put and get they are files
        options["words"] = None
