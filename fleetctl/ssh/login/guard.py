"""A wrong password is tried on one host, not on the fleet: the first to send it is the canary of all the others.

Until a password was accepted somewhere, one login at a time sends it. After so many rejections as are allowed none
begins any more: a directory service would lock the account after a few.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from fleetctl.cancel import Cancel
from fleetctl.errors import TimedOut, Withheld
from fleetctl.model import Secret

_WAIT_SECONDS = 110.0
"""A server waits 120 s for a login (sshd_config: LoginGraceTime), and that of the waiting host has begun."""


class Turn:
    """One login's leave to send a secret. Say how it went; a turn that ends in silence decides nothing."""

    __slots__ = ("accepted",)

    def __init__(self) -> None:
        self.accepted: bool | None = None


class _Record(msgspec.Struct):
    """What is known of a secret."""

    accepted: bool = False
    rejected_by: list[str] = msgspec.field(default_factory=list)
    trying: int = 0


class Guard:
    """Decides who may send a secret, by what became of it on other hosts. One per run and purpose. Thread-safe.

    Args:
        failures: after so many rejections of a secret no further login with it begins.
        what: how messages call the secret.
    """

    def __init__(self, failures: int, what: str = "password") -> None:
        self._failures = failures
        self._what = what
        self._changed = threading.Condition()
        self._records: dict[Secret, _Record] = {}

    @contextmanager
    def turn(self, secret: Secret, host: str, cancel: Cancel, seconds: float = _WAIT_SECONDS) -> Iterator[Turn]:
        """Leave to send the secret inside the block; waits until that is safe. Leave it as soon as the answer is known.

        Args:
            host: who it is sent to, for messages.
            seconds: how long to wait for logins on other hosts.

        Raises: Withheld when it was rejected too often; TimedOut when others did not decide it in time; Cancelled.
        """
        record = self._awaited(secret, cancel, seconds)
        turn = Turn()
        try:
            yield turn
        finally:
            with self._changed:
                record.trying -= 1
                record.accepted |= turn.accepted is True
                if turn.accepted is False:
                    record.rejected_by.append(host)
                self._changed.notify_all()

    def _awaited(self, secret: Secret, cancel: Cancel, seconds: float) -> _Record:
        with cancel.guard(seconds, self._wake) as deadline, self._changed:
            record = self._records.setdefault(secret, _Record())
            while not self._may_begin(record):
                cancel.check()
                if deadline.expired:
                    raise TimedOut(
                        f"waited {seconds:g} s for other hosts to accept or reject the {self._what}; not tried here",
                        hint="they may be stuck in their logins: a lower --login-timeout gives them up sooner",
                    )
                self._changed.wait()
            record.trying += 1
            return record

    def _may_begin(self, record: _Record) -> bool:
        """Raises: Withheld."""
        if len(record.rejected_by) >= self._failures:
            raise Withheld(
                f"the {self._what} was rejected by {', '.join(record.rejected_by[:3])}; not tried here",
                hint=f"check the {self._what}; --auth-failures N tries it on until N hosts have rejected it",
                rejected_by=list(record.rejected_by),
            )
        return record.accepted or record.trying == 0

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
