"""One login under way, and what the logins of a run share: keys, the guard over passwords, a person to ask."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import msgspec
from paramiko import Transport
from paramiko.ssh_exception import AuthenticationException, BadAuthenticationType

from fleetctl.cancel import Cancel
from fleetctl.cancel import Guard as Deadline
from fleetctl.model import Answer, Hop, Host, Secret
from fleetctl.ssh.login.certificates import PublicHalves
from fleetctl.ssh.login.guard import Guard
from fleetctl.ssh.login.keys import KeyRing
from fleetctl.ssh.login.method import PasswordExpired
from fleetctl.ssh.notes import ServerNotes
from fleetctl.ssh.translate import FOREIGN
from fleetctl.ssh.transport import lives

_LOOK_SECONDS = 0.2

Asked = Callable[[str, bool, Cancel], Secret]
"""Asks a person a question of a server's, which is its own text; the flag says whether what is typed may be seen.

Raises: SecretError when nobody is there, or nothing was typed; Cancelled.
"""


class Person:
    """Somebody at a terminal, who is asked one thing at a time."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._busy = threading.Lock()

    def ask(self, question: str, cancel: Cancel, *, shown: bool) -> Secret:
        """Raises: as Asked."""
        while not self._busy.acquire(timeout=_LOOK_SECONDS):
            cancel.check()
        try:
            return self._asked(question, shown, cancel)
        finally:
            self._busy.release()


class Means(msgspec.Struct, frozen=True):
    """What the logins of a run share.

    Args:
        ring: the decoded keys.
        halves: their public halves, and certificates.
        passwords: decides who may send one.
        patience: seconds for each answer of the ssh-agent.
        run: runs the command of an Answer. Raises: SecretError.
        person: None where nobody can be asked.
    """

    ring: KeyRing
    halves: PublicHalves
    passwords: Guard
    patience: float
    run: Callable[[Answer], Secret]
    person: Person | None


class Visit(msgspec.Struct, frozen=True):
    """One login under way: to whom, with what, and by when.

    Args:
        deadline: ends the login from outside; it stands still while others decide how long this takes.
    """

    hop: Hop
    means: Means
    notes: ServerNotes
    cancel: Cancel
    deadline: Deadline

    @property
    def how_to_give_a_password(self) -> str:
        if isinstance(self.hop, Host):
            return "`password` in the inventory, or --ask-pass"
        return f"`password` of {self.hop.name} in the inventory; --ask-pass is for the hosts behind it"

    @contextmanager
    def sending(self, secret: Secret, transport: Transport) -> Iterator[None]:
        """Leave to send the password inside; the other hosts are told what became of it. Raises: as Guard."""
        with ExitStack() as stack:
            with self.cancel.paused(self.deadline):
                turn = stack.enter_context(self.means.passwords.turn(secret, self.hop.name, self.cancel))
            try:
                yield
                turn.accepted = True
            except PasswordExpired:
                turn.accepted = True
                raise
            except BadAuthenticationType:
                raise  # the method is not allowed, so nobody looked at the password
            except FOREIGN as error:
                if self.notes.refused_login or (isinstance(error, AuthenticationException) and lives(transport)):
                    turn.accepted = False
                raise
