"""Sessions by host, handed out and taken back, so that a host is logged in to once and used many times."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from fleetctl.cancel import Cancel
from fleetctl.model import Hop, Host
from fleetctl.ssh.dial import Dialer
from fleetctl.ssh.session import Session

_Place = tuple[Hop, tuple[Hop, ...], bool, tuple[tuple[str, str], ...]]
"""What two hosts must share to be served by the same session; Host itself has dicts and cannot be a key."""


class Pool:
    """At most `keep` idle sessions stay open; beyond that the one idle for longest is closed. Thread-safe.

    A session costs a thread and about 80 KB, so a plain run over many hosts keeps none.
    """

    def __init__(self, dialer: Dialer, *, keep: int = 0) -> None:
        self.dialer = dialer
        self._keep = keep
        self._idle_lock = threading.Lock()
        self._idle: dict[_Place, list[Session]] = {}

    def __repr__(self) -> str:
        with self._idle_lock:
            return f"<Pool: {sum(map(len, self._idle.values()))} idle of {self._keep}>"

    @contextmanager
    def session(self, host: Host, cancel: Cancel) -> Iterator[Session]:
        """An authenticated session, for the caller alone until the block is left.

        Raises: as `Dialer.dial`.
        """
        place = _place(host)
        session = self._take(place) or self.dialer.dial(host, cancel)
        try:
            yield session
        except BaseException:
            session.close()
            raise
        self._give_back(place, session)

    def keep_at_least(self, count: int) -> None:
        """From now on, so many idle sessions stay open, or more."""
        with self._idle_lock:
            self._keep = max(self._keep, count)

    def close(self) -> None:
        """Close what is idle. Sessions in use are closed by those who use them."""
        with self._idle_lock:
            idle = [session for sessions in self._idle.values() for session in sessions]
            self._idle.clear()
            self._keep = 0
        for session in idle:
            session.close()
        self.dialer.close()

    def _take(self, place: _Place) -> Session | None:
        dead = []
        try:
            with self._idle_lock:
                while sessions := self._idle.get(place):
                    session = sessions.pop()
                    if not sessions:
                        del self._idle[place]
                    if session.alive:
                        return session
                    dead.append(session)
            return None
        finally:
            for session in dead:
                session.close()

    def _give_back(self, place: _Place, session: Session) -> None:
        surplus: Session | None = session
        if session.alive and self._keep:
            with self._idle_lock:
                # Taken out and put in again, so that the dict's order is that of last use.
                self._idle[place] = [*self._idle.pop(place, []), session]
                surplus = self._oldest() if sum(map(len, self._idle.values())) > self._keep else None
        if surplus is not None:
            surplus.close()

    def _oldest(self) -> Session:
        place, sessions = next(iter(self._idle.items()))
        session = sessions.pop(0)
        if not sessions:
            del self._idle[place]
        return session


def _place(host: Host) -> _Place:
    return host.end, host.jump, host.forward_agent, tuple(host.send_env.items())
