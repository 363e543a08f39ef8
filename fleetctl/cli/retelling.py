"""`fleetctl show`: the events of a run from history, through the same views as when it happened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fleetctl.cancel import Cancel
from fleetctl.cli.options import Look, ViewName
from fleetctl.cli.past import open_history
from fleetctl.cli.remembered import headline
from fleetctl.cli.talk import tell_unwritten
from fleetctl.cli.viewing import views_of
from fleetctl.errors import HistoryError
from fleetctl.history.history import History
from fleetctl.history.records import RunRecord
from fleetctl.nodes import expand, fold
from fleetctl.publishing import publish
from fleetctl.sizes import counted
from fleetctl.views import Screen, sanitize


def tell_again(word: str, hosts: Sequence[str], look: Look, *, exit_code: bool) -> int:
    """Show a run, or some of its hosts. Returns: 0, or with `exit_code` that of the run; 1 when it cannot be written.

    Raises: HistoryError, UsageError.
    """
    screen = Screen.from_process()
    with open_history() as history, Cancel() as cancel:
        run = history.run(word)
        chosen = _among(history.hosts(run.id), hosts, run) if hosts else None
        views = views_of(screen, look, ViewName.STEPS if run.origin.steps else ViewName.STREAM)
        for line in _heading(run, history) if not look.quiet else ():
            screen.say(sanitize(line))
        result = publish(history.events(run.id, chosen), views, cancel)
    tell_unwritten(result.unwritten)
    return result.exit_code() if exit_code or result.unwritten is not None else 0


def _heading(run: RunRecord, history: History) -> Iterator[str]:
    yield headline(run)
    if run.seconds is not None:
        return
    open_hosts = [host for host, outcome in history.outcomes(run.id).items() if outcome is None]
    count = counted(len(open_hosts), "host")
    if run.alive:
        yield f"it still runs: {count} to go: {fold(open_hosts)}" if open_hosts else "it still runs"
    elif open_hosts:
        yield f"its process died: no end on record for {count}: {fold(open_hosts)}"
    else:
        yield "its process died when all hosts were done"


def _among(known: Sequence[str], words: Sequence[str], run: RunRecord) -> list[str]:
    """The hosts that are meant. Raises: HistoryError when one was not in the run."""
    try:
        wanted = [name for word in words for name in expand(word)]
    except ValueError as error:
        raise HistoryError(str(error), hint="name hosts as web01 or web[01-20]") from error
    strangers = sorted(set(wanted) - set(known))
    if strangers:
        raise HistoryError(f"{fold(strangers)} had no part in {run.id}", hint=f"its hosts: {fold(known)}")
    return wanted
