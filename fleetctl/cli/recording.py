"""What is kept of a run: its recorder, and what is known of the run before it begins."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec

from fleetctl.cli.orders import Orders
from fleetctl.cli.past import history_path
from fleetctl.cli.selecting import unwanted, wanted
from fleetctl.cli.settings import HistorySettings, Settings
from fleetctl.cli.sources import digest
from fleetctl.cli.typed import typed
from fleetctl.engine.task import AnyOperation
from fleetctl.history.encoding import readable
from fleetctl.history.masking import Masks
from fleetctl.history.origins import machine, user
from fleetctl.history.recorder import Recorder
from fleetctl.history.records import Origin, Retention
from fleetctl.jobs.sequence import Sequence
from fleetctl.views import Screen, sanitize


def recorders(orders: Orders, settings: Settings, origin: Origin, masks: Masks, screen: Screen) -> list[Recorder]:
    """The one that keeps a run; none where nothing is done on hosts, or the user wants none kept."""
    output = orders.output
    if output.no_history or not settings.history.enabled or output.dry_run or orders.is_show:
        return []

    def tell(text: str) -> None:
        with suppress(OSError):  # a run whose stderr is closed goes on without history, too
            screen.say(f"fleetctl: warning: {sanitize(text)}")

    retention = _retention(settings.history)
    return [Recorder(history_path(settings), origin, warn=tell, masks=masks, retention=retention)]


def _retention(settings: HistorySettings) -> Retention:
    wanted = {"days": settings.keep_days, "runs": settings.keep_runs, "bytes": settings.keep_size}
    return msgspec.convert({name: value for name, value in wanted.items() if value is not None}, Retention)


def origin_of(orders: Orders, operation: AnyOperation, masks: Masks, *, reads_stdin: bool) -> Origin:
    """Where a run comes from that is about to begin."""
    words = typed()
    argv = tuple(map(readable, masks.all.words(words.argv)))
    return Origin(
        command=orders.command,
        argv=argv,
        masked=argv != words.argv,
        directory=words.directory,
        user=user(),
        machine=machine(),
        inventory=words.inventory or digest(orders.selection.inventory, orders.selection.host),
        targets=(*wanted(orders.selection), *(f"!{word}" for word in unwanted(orders.selection))),
        policy=_policy(orders),
        parent=words.parent,
        reads_stdin=reads_stdin,
        job=operation.job.digest if isinstance(operation, Sequence) else "",
        resumes=bool(words.points),
    )


def _policy(orders: Orders) -> dict[str, Any]:
    """How it is carried out, where that is not as always."""
    pace = {"fanout": orders.pace.fanout} | _said(orders.pace)
    rights = {} if orders.privilege is None else _said(orders.privilege)
    rollout = _said(orders.limits) | _said(orders.batches)
    rollout.pop("check", None)  # it stands in argv, where secrets are masked
    return pace | rights | rollout


def _said(options: msgspec.Struct) -> dict[str, Any]:
    """The options that differ from their defaults."""
    usual = type(options)()
    named = {field: getattr(options, field) for field in options.__struct_fields__}
    return {field: value for field, value in named.items() if value != getattr(usual, field)}
