"""The list of runs: a table, or JSON."""

from __future__ import annotations

from collections.abc import Sequence

from fleetctl.cli.history_options import Filter, Form
from fleetctl.cli.past import open_history
from fleetctl.cli.remembered import facts, state, trouble, typed, when
from fleetctl.cli.talk import say
from fleetctl.history.records import RunRecord
from fleetctl.views import Screen, render_table
from fleetctl.views.facts import encode


def list_runs(wanted: Filter, form: Form) -> None:
    """Write what matches. Raises: HistoryError."""
    with open_history() as history:
        runs = history.runs(
            status=wanted.status, host=wanted.host, since=wanted.since, until=wanted.until, text=wanted.text,
            limit=wanted.number,
        )  # fmt: skip
        if not runs:
            say("no run is like that" if history.runs(limit=1) else "no run is on record yet")
    screen = Screen.from_process()
    if form is Form.JSON:
        screen.write(encode([facts(run) for run in runs]) + b"\n")
    elif runs:
        show_table(screen, runs)


def show_table(screen: Screen, runs: Sequence[RunRecord]) -> None:
    """A row for each; who began it only where that differs."""
    several = len({_who(run) for run in runs}) > 1
    rows = [
        (run.id, when(run)[:16], state(run), str(run.hosts), trouble(run), *[_who(run)] * several, _short(run))
        for run in runs
    ]
    columns = ("run", "when", "state", "hosts", "not ok", *["who"] * several, "command")
    render_table(screen, columns, rows, style_by=2, keep=3)


def _who(run: RunRecord) -> str:
    """The person and the machine; not the terminal, of which one person has many."""
    return " on ".join(filter(None, (run.origin.user, run.origin.machine.partition(" ")[0])))


def _short(run: RunRecord) -> str:
    """What was typed; of a rerun, what was typed again, behind the end of the id of the run that it goes on with."""
    words = typed(run).removeprefix("fleetctl ")
    how = "resume" if run.origin.resumes else "rerun"
    return f"{how} {run.origin.parent.rpartition('-')[2]}: {words}" if run.origin.parent else words
