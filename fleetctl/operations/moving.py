"""What Put and Get have in common: an account that is closed whatever happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from fleetctl.events import Outcome
from fleetctl.operations import Context
from fleetctl.ssh.any_session import AnySession
from fleetctl.transfer.account import Account
from fleetctl.transfer.choices import Choices
from fleetctl.transfer.means import Means
from fleetctl.transfer.shared import Pace
from fleetctl.transfer.throttle import Throttle


def move(
    session: AnySession,
    context: Context,
    choices: Choices,
    verb: Literal["sent", "fetched"],
    work: Callable[[Means], None],
) -> Outcome:
    """Do the work for one host. Returns: how it ended, by what became of the files. Raises: what the work raises."""
    account = Account(context.host.name, context.emit, context.report, verb, choices)
    try:
        with session.within(choices.timeout, context.cancel):
            pace = Pace(context.shared.throttle, Throttle(choices.limit_per_host), context.cancel)
            work(Means(session, choices, account, context.shared, context.cancel, pace))
    except Exception as error:
        account.broken_off(error)
        raise
    return account.outcome()
