"""One session with each bastion, shared by all the hosts behind it. What went wrong with one is told to all of them."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fleetctl.cancel import Cancel
from fleetctl.errors import HostError, NotConnected, TurnedAway
from fleetctl.model import Hop
from fleetctl.ssh.session import Session
from fleetctl.ssh.ways.tunnel import Tunnel

_AT_ONCE = 32
"""How many hosts are connected and logged in to through one bastion side by side; those that are done do not count."""
_LOOK_SECONDS = 0.5
_TRIES = 3
_BACKOFF_SECONDS = 0.5

Chain = tuple[Hop, ...]
"""Bastions, the first to be dialled first."""

Dial = Callable[[Hop, Chain, Cancel, str], Session]
"""Logs in to a bastion through those before it, for the sake of the host named."""


class Bastions:
    """Sessions with bastions by the way that leads to them. Thread-safe; a session that was lost is made anew."""

    def __init__(self, dial: Dial) -> None:
        self._dial = dial
        self._bastions_lock = threading.Lock()
        self._bastions: dict[Chain, _Bastion] = {}

    @contextmanager
    def tunnel(self, hop: Hop, chain: Chain, cancel: Cancel, named: str) -> Iterator[Tunnel]:
        """A connection to a machine behind the last of the chain, which keeps a place free for the time of the block.

        Args:
            named: the host that all this is for.

        Raises: UnreachableError, UntrustedError, DeniedError, TimedOut and their kinds; Cancelled.
        """
        with self._bastions_lock:
            bastion = self._bastions.setdefault(chain, _Bastion(chain))
        session = bastion.session(self._dial, cancel, named)
        with _held(bastion.places, cancel):
            tunnel = session.tunnel(bastion.hop.name)
            tunnel.open(hop.address, hop.port, hop.connect_timeout, cancel)
            yield tunnel

    def adopt(self, chain: Chain, session: Session) -> None:
        """Go through a session with the last of the chain that somebody else has made; it is closed with the others."""
        with self._bastions_lock:
            self._bastions.setdefault(chain, _Bastion(chain)).adopt(session)

    def close(self) -> None:
        """Close all sessions, those behind another bastion first."""
        with self._bastions_lock:
            bastions = sorted(self._bastions.values(), key=lambda bastion: -bastion.depth)
            self._bastions.clear()
        for bastion in bastions:
            bastion.close()


class _Bastion:
    """One bastion: its session, or why there is none."""

    def __init__(self, chain: Chain) -> None:
        self.hop = chain[-1]
        self.depth = len(chain)
        self.places = threading.BoundedSemaphore(_AT_ONCE)
        self._before = chain[:-1]
        self._session_lock = threading.Lock()
        self._session: Session | None = None
        self._failure: tuple[Cancel, HostError] | None = None

    def session(self, dial: Dial, cancel: Cancel, named: str) -> Session:
        """Raises: as `dial`; what it raised once in a run is raised for all further hosts of that run."""
        with _held(self._session_lock, cancel):
            if self._session is not None and self._session.alive:
                return self._session
            if self._failure is not None and self._failure[0] is cancel:
                raise _told_of(self.hop, self._failure[1])
            self.close()
            try:
                self._session = self._dialled(dial, cancel, named)
            except HostError as error:
                self._failure = (cancel, error)
                raise _told_of(self.hop, error) from error
            return self._session

    def adopt(self, session: Session) -> None:
        with self._session_lock:
            self._session = session

    def close(self) -> None:
        if self._session is not None:
            self._session.close()

    def _dialled(self, dial: Dial, cancel: Cancel, named: str) -> Session:
        """One that is too busy is asked again here, and not by each of its hosts."""
        for number in range(1, _TRIES):
            try:
                return dial(self.hop, self._before, cancel, named)
            except TurnedAway:
                cancel.wait(_BACKOFF_SECONDS * number * random.uniform(0.5, 1.5))  # noqa: S311
        return dial(self.hop, self._before, cancel, named)


@contextmanager
def _held(lock: threading.Lock | threading.Semaphore, cancel: Cancel) -> Iterator[None]:
    """The lock, waited for until the run is called off."""
    while not lock.acquire(timeout=_LOOK_SECONDS):
        cancel.check()
    try:
        yield
    finally:
        lock.release()


def _told_of(bastion: Hop, error: HostError) -> HostError:
    """The failure of a bastion as that of a host behind it, of the same kind; in a chain the first one tells."""
    kind = NotConnected if isinstance(error, TurnedAway) else type(error)
    told = kind(f"bastion {bastion.name}: {error.message}", hint=error.hint)
    if "bastion" in error.facts:
        told = kind(error.message, hint=error.hint)
    told.facts = {"bastion": bastion.name, **error.facts}
    return told
