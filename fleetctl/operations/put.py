"""Copy files to a host."""

from __future__ import annotations

import msgspec

from fleetctl.errors import FleetError
from fleetctl.events import Outcome
from fleetctl.operations import Context
from fleetctl.ssh.session import Session
from fleetctl.transfer.account import Account
from fleetctl.transfer.choices import Choices
from fleetctl.transfer.destination import Destination
from fleetctl.transfer.putting import Putting
from fleetctl.transfer.tree import Tree


class Put(msgspec.Struct, frozen=True, tag="put"):
    """Local files, and where they go.

    Args:
        words: the sources as they were named, for people.
        tree: what they hold; the same for all hosts, however much is changed here meanwhile.
        own: trees of hosts that get files of their own.
    """

    words: tuple[str, ...]
    destination: Destination
    tree: Tree = Tree()
    own: dict[str, Tree] = {}
    choices: Choices = Choices()

    def __str__(self) -> str:
        return f"put {' '.join(self.words)} {self.destination.path}"

    def perform(self, session: Session, context: Context) -> Outcome:
        account = Account(context.host.name, context.emit, context.report, "sent", self.choices)
        tree = self.own.get(context.host.name, self.tree)
        try:
            with session.within(self.choices.timeout, context.cancel):
                Putting(session, self.destination, tree, self.choices, account, context.shared, context.cancel).run()
        except FleetError as error:
            account.broken_off(error)
            raise
        return account.outcome()
