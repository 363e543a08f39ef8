"""What operations and transfers use of a session, whosever rights it has: Session or Elevated."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from fleetctl.cancel import Cancel
from fleetctl.ssh.feeding import Stdin
from fleetctl.ssh.session import CommandPipe, Ended, Receive
from fleetctl.ssh.sftp import Sftp


class AnySession(Protocol):
    """Each method as that of Session."""

    timings: dict[str, float]

    def run(
        self,
        command: str,
        receive: Receive,
        cancel: Cancel,
        *,
        timeout: float | None = None,
        stdin: Stdin | None = None,
        pty: bool = False,
    ) -> Ended: ...

    def sftp(self, cancel: Cancel) -> AbstractContextManager[Sftp]: ...

    def pipe(self, command: str, cancel: Cancel) -> AbstractContextManager[CommandPipe]: ...

    def round_trip(self, cancel: Cancel) -> None: ...

    def within(self, seconds: float | None, cancel: Cancel) -> AbstractContextManager[None]: ...

    def abort(self) -> None: ...
