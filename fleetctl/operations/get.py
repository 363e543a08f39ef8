"""Copy files from a host."""

from __future__ import annotations

import msgspec

from fleetctl.events import Outcome
from fleetctl.operations import Context
from fleetctl.operations.moving import move
from fleetctl.ssh.any_session import AnySession
from fleetctl.transfer.choices import Choices
from fleetctl.transfer.getting import Getting, Origin


class Get(msgspec.Struct, frozen=True, tag="get"):
    """Remote files, and where each host's go."""

    origin: Origin
    choices: Choices = Choices()

    def __str__(self) -> str:
        return f"get {' '.join(self.origin.paths)} {self.origin.directory}"

    def perform(self, session: AnySession, context: Context) -> Outcome:
        origin = self.origin.on(context.host.name)
        return move(session, context, self.choices, "fetched", lambda means: Getting(means, origin).run())
