"""What operations and transfers use of a session, whosever rights it has: Session or Elevated."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from fleetctl.cancel import Cancel, Guard
from fleetctl.ssh.session import CommandPipe, Ended
from fleetctl.ssh.sftp.client import Sftp
from fleetctl.ssh.stream.feeding import Stdin
from fleetctl.ssh.stream.hearing import Receive


class AnySession(Protocol):
    """Each method as that of Session, if nothing else is said."""

    timings: dict[str, float]

    def run(
        self,
        command: str,
        receive: Receive,
        cancel: Cancel,
        *,
        timeout: float | None = None,
        silence: float | None = None,
        stdin: Stdin | None = None,
        pty: bool = False,
    ) -> Ended: ...

    def sftp(self, cancel: Cancel) -> AbstractContextManager[Sftp]: ...

    def pipe(self, command: str, cancel: Cancel) -> AbstractContextManager[CommandPipe]: ...

    def doomed(self, path: str, cancel: Cancel) -> None:
        """A temporary name of ours, told before it comes to be.

        The login's stay when the connection breaks, to be resumed; another user's are removed by the host itself.
        """

    def round_trip(self, cancel: Cancel) -> None: ...

    def within(self, seconds: float | None, cancel: Cancel) -> AbstractContextManager[Guard]: ...

    def abort(self) -> None: ...
