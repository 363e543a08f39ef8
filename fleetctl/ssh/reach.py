"""One host for the length of a job: a session that is there when it is needed, and again after it was away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import TracebackType

from fleetctl.cancel import Cancel
from fleetctl.errors import DeniedError, FleetError, RequestRefused, ServerFailure, StepFailed, TransferError, Withheld
from fleetctl.model import Elevation, Host
from fleetctl.ssh.any_session import AnySession
from fleetctl.ssh.pool import Pool
from fleetctl.ssh.session import Session

_HARMLESS = (DeniedError, RequestRefused, StepFailed, TransferError, Withheld)
"""After these the connection is as good as before; ServerFailure is not one of them."""

Connect = Callable[[Callable[[], Session]], Session]
"""Calls what connects, again where that is safe."""


class Reach:
    """For one thread. Connects when a session is first asked for, so that a job may begin with what is done here.

    Args:
        connect: see above.
    """

    def __init__(self, pool: Pool, host: Host, cancel: Cancel, connect: Connect) -> None:
        self._pool = pool
        self._host = host
        self._cancel = cancel
        self._connect = connect
        self._held = ExitStack()
        self._session: Session | None = None
        self.given = 0
        """How many times a session was asked for and had."""
        self.note = ""
        """What the user should know of how steps were done, or ""."""

    def __enter__(self) -> Reach:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    @contextmanager
    def session(self, elevation: Elevation | None) -> Iterator[AnySession]:
        """A session with these rights, until the block is left.

        Raises: as `Dialer.dial`, and what the block raises.
        """
        session = self._there()
        self.given += 1
        try:
            if elevation is None:
                yield session
                return
            from fleetctl.ssh.rights.elevated import Elevated  # noqa: PLC0415 - 5 ms, which most need not spend

            with Elevated(session, self._host, elevation, self._pool.dialer.sudo_guard) as elevated:
                yield elevated
                elevated.keep()
            self.note = elevated.note or self.note
        except FleetError as error:
            harmless = isinstance(error, _HARMLESS) and not isinstance(error, ServerFailure)
            if not harmless and error.killed is not True:
                self.leave()
            raise
        except BaseException:
            self.leave()
            raise

    def leave(self) -> None:
        """Close the connection; the next session has a new one."""
        session, self._session = self._session, None
        if session is not None:
            session.close()  # the pool keeps none that is closed
        self._held.close()

    def _there(self) -> Session:
        if self._session is not None and not self._session.alive:
            self.leave()
        if self._session is None:
            self._session = self._connect(self._opened)
        return self._session

    def _opened(self) -> Session:
        opened: AbstractContextManager[Session] = self._pool.session(self._host, self._cancel)
        return self._held.enter_context(opened)
