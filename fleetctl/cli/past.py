"""The hosts of earlier runs by how they ended: what `@status:…`, `@run:…` and `fleetctl rerun` choose from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from fleetctl.cli.settings import Settings, load_settings
from fleetctl.errors import HistoryError, TargetError
from fleetctl.events import Outcome, Status
from fleetctl.history.history import History
from fleetctl.history.place import default_path
from fleetctl.history.records import RunRecord
from fleetctl.inventory.mistakes import did_you_mean

UNFINISHED = "unfinished"
NOT_OK = "not-ok"
ENDINGS = (*Status, UNFINISHED, NOT_OK)
"""What may stand behind `@status:`, and behind `@run:ID:`."""
_OFFERED = 20
_LOOKED_AT = 200
JOB_RUN = "job run"
REPEATABLE = frozenset({"run", "script", "put", "get", "ping", JOB_RUN})


def history_path(settings: Settings) -> Path:
    directory = settings.history.directory
    return default_path() if directory is None else Path(directory) / default_path().name


def open_history() -> History:
    """The user's own, where the settings say. Raises: HistoryError, UsageError."""
    return History(history_path(load_settings()))


def recall(kind: str, name: str) -> list[str]:
    """The hosts of `@status:NAME`, or of `@run:NAME`. Raises: TargetError, HistoryError."""
    with open_history() as history:
        if kind == "status":
            return ended(history.latest(last(history).id), name)
        run, _, ending = name.partition(":")
        record = history.run(run)
        return ended(history.outcomes(record.id), ending) if ending else list(history.hosts(record.id))


def recent() -> list[str]:
    """The ids of the last runs, the newest first. Raises: HistoryError, UsageError."""
    with open_history() as history:
        return [record.id for record in history.runs(limit=_OFFERED)]


def last(history: History, commands: Collection[str] = REPEATABLE) -> RunRecord:
    """The newest run that did something to hosts, or that one of these commands made. Raises: HistoryError."""
    for record in history.runs(limit=_LOOKED_AT):
        if record.origin.command in commands:
            return record
    kind = "job run" if commands == {JOB_RUN} else "run"
    raise HistoryError(
        f"there is no {kind} in history yet", hint="--no-history and `history: {enabled: false}` keep none"
    )


def ended(outcomes: Mapping[str, Outcome | None], ending: str) -> list[str]:
    """The hosts that ended so. Raises: TargetError when there is no such ending."""
    if ending not in ENDINGS:
        meant = did_you_mean(ending, ENDINGS)
        raise TargetError(f"hosts do not end as {ending!r}{meant}", hint=f"write one of {', '.join(ENDINGS)}")
    if ending == NOT_OK:
        return [host for host, outcome in outcomes.items() if outcome is None or outcome.status is not Status.OK]
    if ending == UNFINISHED:
        return [host for host, outcome in outcomes.items() if outcome is None or _is_left(outcome)]
    return with_status(outcomes, {Status(ending)})


def _is_left(outcome: Outcome) -> bool:
    """Nothing was begun there, or it was cut short."""
    return outcome.unfinished or outcome.status is Status.SKIPPED


def with_status(outcomes: Mapping[str, Outcome | None], statuses: Collection[Status]) -> list[str]:
    return [host for host, outcome in outcomes.items() if outcome is not None and outcome.status in statuses]
