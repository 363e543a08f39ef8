"""Copy files to a host."""

from __future__ import annotations

import msgspec

from fleetctl.events import Outcome
from fleetctl.operations import Context
from fleetctl.operations.moving import move
from fleetctl.ssh.any_session import AnySession
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

    def perform(self, session: AnySession, context: Context) -> Outcome:
        tree = self.own.get(context.host.name, self.tree)
        return move(session, context, self.choices, "sent", lambda means: Putting(means, self.destination, tree).run())
