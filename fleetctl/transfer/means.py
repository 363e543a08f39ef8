"""What moving one host's files takes besides the files."""

from __future__ import annotations

import msgspec

from fleetctl.cancel import Cancel
from fleetctl.ssh.session import Session
from fleetctl.transfer.account import Account
from fleetctl.transfer.choices import Choices
from fleetctl.transfer.shared import Pace, Shared
from fleetctl.transfer.throttle import Throttle


class Means(msgspec.Struct, frozen=True):
    """For one thread.

    Args:
        account: where it is told what becomes of the files.
        shared: what the hosts of the run have in common.
    """

    session: Session
    choices: Choices
    account: Account
    shared: Shared
    cancel: Cancel

    def pace(self) -> Pace:
        return Pace(self.shared.throttle, Throttle(self.choices.limit_per_host), self.cancel)
