"""From the options of a rollout to its plan, the order of its hosts, and the question between its batches."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import msgspec

from fleetctl.arranging import arranged
from fleetctl.cancel import Cancel
from fleetctl.cli.interrupts import SOON_SECONDS
from fleetctl.cli.orders import Orders
from fleetctl.cli.prompts import person, somebody_reads
from fleetctl.cli.questions import agreement_at_terminal
from fleetctl.cli.rollout_options import Batches, CheckOn, Limits
from fleetctl.errors import HistoryError, UsageError
from fleetctl.history.records import Origin
from fleetctl.jobs.sequence import Sequence as Walked
from fleetctl.rollout import Check, Rollout
from fleetctl.views import Screen, Underway

_PAUSE_ASK = "--pause ask"
_SOON_SAID_SECONDS = 0.5
"""Who has the screen for longer asks a question: then the first Ctrl-C calls the run off."""


def plan_of(orders: Orders) -> Rollout:
    """What a dry run leaves out is what takes time. Raises: UsageError when options do not go together."""
    limits, batches = orders.limits, orders.batches
    _check(batches)
    steps = "1" if batches.serial else batches.batch
    plan = Rollout.of(
        batch=steps or "",
        max_failures=limits.max_failures or "",
        ignore_unreachable=limits.ignore_unreachable,
        pause=batches.pause or "",
        check=Check(batches.check, batches.check_on is CheckOn.LOCAL, batches.check_timeout) if batches.check else None,
        deadline=limits.deadline,
    )
    return msgspec.structs.replace(plan, pause=0.0, ask=False, check=None) if orders.output.dry_run else plan


def _check(batches: Batches) -> None:
    if batches.serial and batches.batch:
        raise UsageError("--serial is --batch 1, and --batch was given too", hint="leave one of them out")
    if batches.pause and not (batches.serial or batches.batch):
        raise UsageError("--pause is between batches, and there are none", hint="add --batch or --serial")
    if not batches.check and batches.check_on is not CheckOn.HOSTS:
        raise UsageError("--check-on says where to check, and there is nothing to check", hint="add --check COMMAND")


def order_of(limits: Limits) -> Callable[[Sequence[str]], list[str]]:
    """What puts the names of the selected hosts in order, or picks some of them. It raises: HistoryError."""
    return lambda names: arranged(names, limits.order, limits.pick, _not_ok)


def _not_ok() -> Collection[str]:
    """The hosts that were not ok in the last run; none when there was none."""
    from fleetctl.cli.past import NOT_OK, ended, last, open_history

    with open_history() as history:
        try:
            latest = history.latest(last(history).id)
        except HistoryError:
            return ()
    return ended(latest, NOT_OK)


def words_to_go_on(orders: Orders, origin: Origin) -> tuple[str, ...]:
    """What was typed; () where it says nothing of the hosts of this very run, or must not be shown."""
    others = orders.limits.pick is not None or origin.parent
    return () if others or origin.masked else origin.argv


def agreement(asks: str, screen: Screen, *, yes: bool) -> Callable[[str, Cancel], bool]:
    """Who says whether to go on: -y, or the person at the terminal.

    Args:
        asks: what will ask, as a user calls it; "" when nothing does.

    Raises: UsageError when nobody can be asked.
    """
    if yes or not asks:
        return lambda _question, _cancel: True
    terminal = person()
    if terminal is None:
        hint = "add -y to go on" + (", or wait: --pause 30s" if asks == _PAUSE_ASK else "")
        raise UsageError(f"{asks} needs a terminal to ask at", hint=hint)
    terminal.close()
    return agreement_at_terminal(screen)


def what_asks(plan: Rollout, operation: object) -> str:
    """The option or step that will ask whether to go on; "" when none does."""
    if plan.ask:
        return _PAUSE_ASK
    return operation.questions if isinstance(operation, Walked) else ""


def teller(screen: Screen, underway: Underway, cancel: Cancel) -> Callable[[], bool] | None:
    """What the first Ctrl-C at a terminal does: tell who still runs. None where nobody would read it.

    Before the run has begun, while a lock is waited for, there is nothing to tell, and nothing to lose.
    """
    if not somebody_reads():
        return None

    def tell() -> bool:
        if not underway.progress.total:
            return False
        line = f"{underway.told()} — Ctrl-C again within {SOON_SECONDS} s to cancel"
        return not cancel.is_set() and screen.say_soon(line, _SOON_SAID_SECONDS)

    return tell
