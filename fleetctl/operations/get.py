"""Copy files from a host."""

from __future__ import annotations

import msgspec

from fleetctl.errors import FleetError
from fleetctl.events import Outcome
from fleetctl.operations import Context
from fleetctl.ssh.session import Session
from fleetctl.transfer.account import Account
from fleetctl.transfer.choices import Choices
from fleetctl.transfer.getting import Getting, Origin


class Get(msgspec.Struct, frozen=True, tag="get"):
    """Remote files, and where each host's go."""

    origin: Origin
    choices: Choices = Choices()

    def __str__(self) -> str:
        return f"get {' '.join(self.origin.paths)} {self.origin.directory}"

    def perform(self, session: Session, context: Context) -> Outcome:
        account = Account(context.host.name, context.emit, context.report, "fetched", self.choices)
        origin = self.origin.on(context.host.name)
        try:
            with session.within(self.choices.timeout, context.cancel):
                Getting(session, origin, self.choices, account, context.shared, context.cancel).run()
        except FleetError as error:
            account.broken_off(error)
            raise
        return account.outcome()
