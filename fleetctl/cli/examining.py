"""What `fleetctl doctor` does: walk to one host, show each step as it is done, tell whether all went well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from fleetctl.cancel import Cancel
from fleetctl.checkup import Finding, Step
from fleetctl.cli.interrupts import Interrupts
from fleetctl.cli.noting import Note, Noted
from fleetctl.cli.options import Access, Output, Patience, Privilege
from fleetctl.cli.orders import Orders
from fleetctl.cli.running import open_fleet
from fleetctl.cli.selecting import only, unwanted, wanted
from fleetctl.cli.talk import complain, set_verbosity
from fleetctl.errors import Cancelled
from fleetctl.events import ErrorFacts, Outcome, Status
from fleetctl.views import Screen
from fleetctl.views.checkup import CheckupLines, write_checkup

_NOT_WELL = 3
_INTERRUPTED = 130


def examine_and_show(
    word: str,
    files: list[Path],
    access: Access,
    privilege: Privilege,
    patience: Patience,
    *,
    as_json: bool,
    verbose: int,
    no_history: bool,
) -> int:
    """Returns: 0 when every step went well, else 3; 130 when interrupted.

    Raises: UsageError and its kinds, before anything was contacted.
    """
    set_verbosity(verbose)
    selection = only(word, files)
    screen = Screen.from_process()
    fleet = open_fleet(selection, access, patience.pace, privilege)
    (host,) = fleet.hosts(*wanted(selection), exclude=unwanted(selection))
    with fleet, Cancel() as cancel, Interrupts(cancel):

        def do(note: Note) -> int:
            try:
                with closing(fleet.examine(host, cancel)) as steps:
                    taken = list(steps) if as_json else list(_shown(steps, CheckupLines(screen)))
            except Cancelled as error:
                complain(error.message)
                return _INTERRUPTED
            note(host.name, _found(taken))
            if as_json:
                write_checkup(screen, host.name, taken)
            return 0 if _found(taken).status is Status.OK else _NOT_WELL

        orders = Orders("doctor", selection, access, patience.pace, Output(no_history=no_history), privilege)
        return Noted("doctor", [host], cancel, do).carry_out(orders)


def _found(taken: Sequence[Step]) -> Outcome:
    """How the host has done: as the first step that did not go well."""
    for step in taken:
        if step.finding not in {Finding.OK, Finding.WARNING}:
            return Outcome(Status.FAILED, error=ErrorFacts(step.code or step.name, step.words, step.hint))
    return Outcome(Status.OK)


def _shown(steps: Iterator[Step], lines: CheckupLines) -> Iterator[Step]:
    for step in steps:
        lines.show(step)
        yield step
