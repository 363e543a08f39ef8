"""What the hosts of one run share while they move files."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from fleetctl.cancel import Cancel
from fleetctl.ssh.sftp.client import Sftp
from fleetctl.transfer.digests import LocalDigests
from fleetctl.transfer.once import Once
from fleetctl.transfer.throttle import Throttle


class Shared(msgspec.Struct, frozen=True):
    """What is made once for all.

    Args:
        throttle: the limit over all hosts.
        digests: of local files.
        gathered: what the steps of a job have read here, for the hosts of one batch.
    """

    throttle: Throttle = msgspec.field(default_factory=lambda: Throttle(None))
    digests: LocalDigests = msgspec.field(default_factory=LocalDigests)
    gathered: Once = msgspec.field(default_factory=Once)


class Pace:
    """How fast one host's bytes may move: its own limit, and that of the fleet."""

    def __init__(self, shared: Throttle, own: Throttle, cancel: Cancel) -> None:
        self._throttles = [throttle for throttle in (own, shared) if throttle.limited]
        self._cancel = cancel

    def take(self, most: int) -> int:
        """Wait until bytes may move, `most` of them or fewer. Returns: how many. Raises: Cancelled."""
        size = self._piece(most)
        for throttle in self._throttles:
            throttle.take(size, self._cancel)
        return size

    def take_next(self, most: int, sftp: Sftp, *, under_way: bool) -> int:
        """The same for a request of many. Returns: 0 where it would wait while there are answers to wait for."""
        size = self._piece(most)
        if not all(throttle.has(size) for throttle in self._throttles):
            if under_way:
                return 0
            sftp.flush()
        return self.take(most)

    def _piece(self, most: int) -> int:
        return min((throttle.piece(most) for throttle in self._throttles), default=most)

    def pass_on(self, moved: Callable[[int], None]) -> Callable[[int], None]:
        """What waits until so many bytes may move, and then tells `moved`."""
        if not self._throttles:
            return moved

        def wait_and_tell(size: int) -> None:
            left = size
            while left:
                left -= self.take(left)
            moved(size)

        return wait_and_tell
