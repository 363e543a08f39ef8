"""What moving one host's files takes besides the files."""

from __future__ import annotations

import msgspec

from fleetctl.cancel import Cancel
from fleetctl.errors import TransferError
from fleetctl.ssh.any_session import AnySession
from fleetctl.transfer.account import Account
from fleetctl.transfer.choices import Choices
from fleetctl.transfer.shared import Pace, Shared
from fleetctl.transfer.tree import Entry


class Means(msgspec.Struct, frozen=True):
    """For one thread.

    Args:
        account: where it is told what becomes of the files.
        shared: what the hosts of the run have in common.
        pace: how fast the host's bytes may move.
    """

    session: AnySession
    choices: Choices
    account: Account
    shared: Shared
    cancel: Cancel
    pace: Pace

    def digest(self, entry: Entry) -> str:
        """Of a local file; no digest where it cannot be read, which is told when it is to be sent."""
        try:
            return self.shared.digests.of(entry.origin, entry.size, self.cancel)
        except TransferError:
            return "unreadable"
