"""What `fleetctl doctor` does: walk to one host, show each step as it is done, tell whether all went well."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from fleetctl.cancel import Cancel
from fleetctl.checkup import Finding, Step
from fleetctl.cli.interrupts import Interrupts
from fleetctl.cli.options import Access, Patience, Privilege
from fleetctl.cli.running import open_fleet
from fleetctl.cli.selecting import only, unwanted, wanted
from fleetctl.cli.talk import complain, set_verbosity
from fleetctl.errors import Cancelled
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
        try:
            with closing(fleet.examine(host, cancel)) as steps:
                taken = list(steps) if as_json else list(_shown(steps, CheckupLines(screen)))
        except Cancelled as error:
            complain(error.message)
            return _INTERRUPTED
    if as_json:
        write_checkup(screen, host.name, taken)
    well = all(step.finding in {Finding.OK, Finding.WARNING} for step in taken)
    return 0 if well else _NOT_WELL


def _shown(steps: Iterator[Step], lines: CheckupLines) -> Iterator[Step]:
    for step in steps:
        lines.show(step)
        yield step
