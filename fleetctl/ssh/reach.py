"""One host for the length of a job: a session that is there when it is needed, and again after it was away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING

from fleetctl.cancel import Cancel
from fleetctl.errors import DeniedError, FleetError, RequestRefused, ServerFailure, StepFailed, TransferError, Withheld
from fleetctl.model import Elevation, Host
from fleetctl.ssh.any_session import AnySession
from fleetctl.ssh.pool import Pool
from fleetctl.ssh.session import Session
from fleetctl.statuses import NOTHING_BEGAN

if TYPE_CHECKING:
    from fleetctl.ssh.rights.elevated import Elevated

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
        self._elevated: dict[Elevation, Elevated] = {}
        self.gone = False
        """Whether the last try at connecting failed."""
        self.may_run_on = False
        """Whether something was begun there of which it is not known that it has ended."""
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
        with self.login() as session:
            if elevation is None:
                yield session
                return
            with self._with_rights(session, elevation) as elevated:
                yield elevated
                elevated.keep()
            self.note = elevated.note or self.note

    @contextmanager
    def login(self) -> Iterator[Session]:
        """The same with the rights of the login."""
        session = self._there()
        try:
            yield session
        except BaseException as error:
            self._judge(error)
            raise

    @contextmanager
    def leaving_nothing(self) -> Iterator[None]:
        """Inside, nothing is begun on the host that could outlast its connection: files are moved."""
        before = self.may_run_on
        try:
            yield
        finally:
            self.may_run_on = before

    def leave(self) -> None:
        """Close the connection; the next session has a new one."""
        session, self._session = self._session, None
        if session is not None:
            session.close()  # the pool keeps none that is closed
        self._elevated.clear()
        self._held.close()

    def restarted(self) -> None:
        """Nothing that was begun before runs there any more."""
        self.may_run_on = False

    def _there(self) -> Session:
        """The session that there is, if it lives; else a new one."""
        self._cancel.check()
        if self._session is not None and not self._session.alive:
            self.leave()
        if self._session is None:
            self.gone = True
            self._session = self._connect(self._opened)
            self.gone = False
        return self._session

    def _opened(self) -> Session:
        opened: AbstractContextManager[Session] = self._pool.session(self._host, self._cancel)
        return self._held.enter_context(opened)

    def _with_rights(self, session: Session, elevation: Elevation) -> Elevated:
        """One for all steps, so that it is found out once how the host wants it."""
        from fleetctl.ssh.rights.elevated import Elevated  # noqa: PLC0415 - 5 ms, which most need not spend

        if elevation not in self._elevated:
            self._elevated[elevation] = Elevated(session, self._host, elevation, self._pool.dialer.sudo_guard)
        return self._elevated[elevation]

    def _judge(self, error: BaseException) -> None:
        """What an error leaves of the connection, and on the host."""
        if isinstance(error, _HARMLESS) and not isinstance(error, ServerFailure):
            return
        if isinstance(error, FleetError) and error.killed:
            return
        self.may_run_on |= not isinstance(error, NOTHING_BEGAN)
        self.leave()
