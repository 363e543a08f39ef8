"""The words of a run typed again: in the directory where they stood, on some of its hosts, with little changed.

Nothing is done before `carry_on`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir
from pathlib import Path
from typing import Any

import typer

from fleetctl.cli.app import app
from fleetctl.cli.past import JOB_RUN
from fleetctl.cli.running import piped_stdin
from fleetctl.cli.sources import digest, load_inventory
from fleetctl.cli.talk import warn
from fleetctl.cli.typed import Typed, typed_again
from fleetctl.errors import HistoryError, UsageError
from fleetctl.history.history import History
from fleetctl.history.records import RunRecord
from fleetctl.inventory import parse_adhoc
from fleetctl.nodes import fold
from fleetctl.sizes import counted

_MASK = "***"
_VARIABLE = re.compile(r"(?P<option>-[A-Za-z]*e|--env=|--var=)?(?P<name>[A-Za-z_]\w*)=.*", re.DOTALL)
_TAKES_VARIABLE = re.compile(r"-[A-Za-z]*e|--env|--var")
_WITH_VARIABLES = ("run", "script", JOB_RUN)
_NAMES_IN_MESSAGE = 1000


def in_brief(names: Sequence[str]) -> str:
    """Hosts in a sentence."""
    shown = fold(names)
    return shown if len(shown) <= _NAMES_IN_MESSAGE else counted(len(names), "host")


def check_at_rest(record: RunRecord, history: History, hint: str) -> None:
    """Raises: HistoryError while it, or a run that goes on with it, is at work."""
    alive = [run for run in history.chain(record.id) if history.run(run).alive]
    if alive:
        raise HistoryError(f"{alive[-1]} is still at work", hint=hint)


def retyped(record: RunRecord, go_on: str, variables: Sequence[str], changed: Mapping[str, Any]) -> tuple[Typed, Any]:
    """The words of the run, and its command as it stands when they have been read.

    Args:
        go_on: what is typed to go on with it: `fleetctl rerun`.
        variables: those that are set anew, as NAME=VALUE.
        changed: options that are given anew, as they stand in a context.

    Raises: HistoryError, UsageError and its kinds.
    """
    origin = record.origin
    _enter(origin.directory)
    argv = _with_variables(record, f"{go_on} {record.id}", variables)
    command: Any = typer.main.get_group(app(argv))
    names = origin.command.split()
    for name in names:
        command = command.commands[name]
    context = command.make_context(origin.command, list(argv[len(names) :]))
    context.params |= changed
    for name in changed:
        context.set_parameter_source(name, type(context.get_parameter_source("inventory")).COMMANDLINE)
    _see_to_stdin(record, f"{go_on} {record.id}", context.params)
    inventory = digest(_files(context.params), context.params["host"])
    if origin.inventory not in {"", inventory}:
        warn(f"the inventory has changed since {record.id}")
    return Typed(argv, origin.directory, record.id, inventory), context


def still_there(names: Sequence[str], target: Sequence[str], here: str, options: Mapping[str, Any]) -> list[str]:
    """The hosts that there still are, and that are in the target, if one is given; `here` is where it was typed."""
    ssh_config = options.get("ssh_config")
    inventory = load_inventory(_files(options), options["host"], None if ssh_config is None else Path(ssh_config))
    gone = set(names) - set(inventory.names)
    if gone:
        warn(f"no longer in the inventory, and left out: {fold(gone)}")
    with chdir(here):
        chosen = set(inventory.select(*target)) if target else set(names)
    return [name for name in names if name in chosen - gone]


def carry_on(words: Typed, context: Any, names: Sequence[str]) -> None:
    """Do it on these hosts. Raises: typer.Exit with its exit code, and what the command raises."""
    _set_hosts(context.params, names)
    with typed_again(words), context:
        context.command.invoke(context)


def _enter(directory: str) -> None:
    if not directory:
        return
    try:
        os.chdir(directory)
    except OSError as error:
        message = f"the run was typed in {directory}, which cannot be entered: {error.strerror}"
        raise UsageError(message, hint="its words may mean something else elsewhere: type them again") from error


def _with_variables(record: RunRecord, go_on: str, given: Sequence[str]) -> tuple[str, ...]:
    """The words of the run, with some variables set anew. Raises: HistoryError when a secret is missing."""
    argv = list(record.origin.argv)
    if given and record.origin.command not in _WITH_VARIABLES:
        raise UsageError(f"{record.origin.command} takes no variables", hint=f"-e is for {', '.join(_WITH_VARIABLES)}")
    new = {pair.partition("=")[0]: pair for pair in given}
    for place, match in _variables(argv):
        if match["name"] in new:
            argv[place] = f"{match['option'] or ''}{new.pop(match['name'])}"
    first = len(record.origin.command.split())
    argv[first:first] = [word for pair in new.values() for word in ("-e", pair)]
    if record.origin.masked and not any(_MASK in word for word in record.origin.argv):
        raise HistoryError("what was typed is no text, and is not kept as it was", hint="type it anew")
    if record.origin.masked and (hidden := [word for word in argv if _MASK in word]):
        hint = f"type the command anew, with -t @run:{record.id}:not-ok"
        variables = [match["name"] for place, match in _variables(argv) if argv[place] in hidden]
        if len(variables) == len(hidden):
            again = " ".join(f"-e {name}=…" for name in variables)
            hint = f"give it again: {go_on} {again}; or {hint}"
        raise HistoryError(f"a secret was typed, and is not kept: {' '.join(hidden)}", hint=hint)
    return tuple(argv)


def _variables(argv: Sequence[str]) -> Iterator[tuple[int, re.Match[str]]]:
    """The words that set a variable, and where they stand."""
    for place, before in enumerate(argv[:-1], 1):
        match = _VARIABLE.fullmatch(argv[place])
        if match and (match["option"] or _TAKES_VARIABLE.fullmatch(before)):
            yield place, match


def _see_to_stdin(record: RunRecord, go_on: str, options: dict[str, Any]) -> None:
    """What was piped in then must be again; where nothing was, nothing is read. Raises: HistoryError."""
    if not record.origin.reads_stdin:
        if "no_stdin" in options:
            options["no_stdin"] = True
    elif options.get("stdin") is None:
        descriptor = piped_stdin(None, leave=False)
        if descriptor is None:
            hint = f"pipe it in again: … | {go_on}"
            raise HistoryError("the run read what was piped into it, which is not kept", hint=hint)
        os.close(descriptor)


def _files(options: Mapping[str, Any]) -> list[Path]:
    return [Path(file) for file in options["inventory"]]


def _set_hosts(options: dict[str, Any], names: Sequence[str]) -> None:
    options["target"] = [",".join(names)]
    options["exclude"] = []
    options["host"] = [spec for spec in options["host"] if parse_adhoc(spec).name in set(names)]
    if "words" in options and "recursive" not in options:  # of put and get they are files
        options["words"] = None
