"""Which proofs of identity are tried in what order: keys, answers to the server's questions, password.

A method that returns a list has succeeded in part only (auth_handler.py: `wait_for_response`), and the next must
follow. As with OpenSSH's client, questions come before the bare password: a server that wants a one-time code as well
may take a password sent by itself for the answer to both.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing

import msgspec
import paramiko
from paramiko import Transport
from paramiko.ssh_exception import AuthenticationException, BadAuthenticationType

from fleetctl.model import Login, Secret
from fleetctl.ssh.login.denial import Denial, Problem
from fleetctl.ssh.login.dialogue import Dialogue, Unanswered
from fleetctl.ssh.login.identities import Identities, Identity
from fleetctl.ssh.login.method import PasswordExpired, Refused, try_login
from fleetctl.ssh.login.visit import Means, Visit
from fleetctl.ssh.translate import FOREIGN

_QUESTIONS = "keyboard-interactive"


class _Proof(msgspec.Struct, frozen=True):
    """One way to log in: the SSH method it is, what it is made of, how to name it when it failed, and the attempt.

    Args:
        doubt: why it may have failed, as far as we can see; "" when we cannot.
    """

    method: str
    source: bytes
    name: Callable[[], str]
    attempt: Callable[[Transport], list[str]]
    doubt: str = ""


class _Course(msgspec.Struct):
    """How a login has gone so far. `allowed` is what the server would take next; None before it has said so."""

    dialogue: Dialogue
    tried: set[tuple[str, bytes]] = msgspec.field(default_factory=set)
    offered: list[str] = msgspec.field(default_factory=list)
    problems: list[Problem] = msgspec.field(default_factory=list)
    allowed: list[str] | None = None
    password_rejected: bool = False
    in_part: bool = False
    trying: _Proof | None = None

    def has_room_for(self, proof: _Proof) -> bool:
        if proof.method != "publickey" and self.password_rejected:
            return False  # the same password again would only bring a lock-out nearer
        if (proof.method, proof.source) in self.tried:
            return False
        return self.allowed is None or proof.method in self.allowed

    def takes(self, proof: _Proof, transport: Transport) -> bool:
        """Try it; whether the server accepted it, be it as a part of what it requires."""
        left: list[str] = []
        self.trying = proof
        try:
            left = proof.attempt(transport)
        except BadAuthenticationType as error:
            self.allowed = list(error.allowed_types)
            if proof.method != "publickey":  # a key may be what is required later
                self.tried.add((proof.method, proof.source))
            return False
        except Unanswered as error:
            self.problems.append(Problem(str(error), error.hint))
        except PasswordExpired:
            self.password_rejected = True
            self.problems.append(Problem("the password has expired", "log in by hand with `ssh` and change it"))
        except AuthenticationException as error:
            self._refused(proof, transport, error)
        self.tried.add((proof.method, proof.source))
        if not transport.is_authenticated():
            self.offered.append(f"{proof.name()} (accepted, more is required)" if left else proof.name())
            self.allowed = left or self.allowed
            self.in_part |= bool(left)
        return bool(left) or transport.is_authenticated()

    def _refused(self, proof: _Proof, transport: Transport, error: AuthenticationException) -> None:
        """Raises: the error, when it is none of the server's judgement."""
        if not transport.is_active() or "timeout" in str(error):
            raise error
        if isinstance(error, Refused):
            self.allowed = error.allowed
        if proof.doubt:
            self.problems.append(Problem(proof.doubt, "ask whoever runs the CA for a certificate that holds here"))
        self.password_rejected |= proof.method == "password"
        self.password_rejected |= proof.method == _QUESTIONS and self.dialogue.password_sent


class Accepted(msgspec.Struct, frozen=True):
    """How a login went that succeeded.

    Args:
        by: what was accepted in the end; "" where the server wanted no proof.
        before: what was offered before that, in order.
    """

    by: str
    before: tuple[str, ...] = ()


def would_offer(login: Login, means: Means) -> tuple[list[tuple[str, str]], list[str]]:
    """What a login offers as long as nothing is accepted, and why something else cannot be offered.

    Returns: the SSH method and the name of each, in order; sentences.
    """
    identities = Identities(login, means.ring, means.halves, means.patience)
    order = [("publickey", identity.name) for identity in identities.offered()]
    if login.answers or login.password is not None or means.person is not None:
        order.append((_QUESTIONS, "answers to questions"))
    if login.password is not None:
        order.append(("password", "password"))
    untried = [f"{identities.untried} further keys are left out"] if identities.untried else []
    return order, [*(error.message for error in identities.problems.values()), *untried]


def log_in(transport: Transport, visit: Visit) -> Accepted:
    """Authenticate, or say what was offered and what the server would take.

    Raises:
        DeniedError: nothing was accepted; facts `offered`, `allowed` and `unusable`.
        Withheld: a password that other hosts rejected was not sent.
        TimedOut: others took too long to accept it, or a person to answer.
        Foreign errors when the connection breaks: for `translated(Stage.LOGIN)`.
    """
    login, means, notes = visit.hop.login, visit.means, visit.notes
    course = _Course(Dialogue(visit))
    identities = Identities(login, means.ring, means.halves, means.patience)

    def denied(offered: list[str], allowed: list[str], goodbye: str = "") -> Exception:
        unusable = [Problem(error.message, error.hint) for error in identities.problems.values()]
        advice = next((problem.hint for problem in course.problems), "")
        problems = [*unusable, *course.problems]
        password = visit.how_to_give_a_password
        return Denial(login.user, offered, allowed, problems, password, identities.untried, goodbye, advice).error()

    try:
        if _any_accepted(transport, visit, course, identities):
            return Accepted(course.trying.name() if course.trying is not None else "", tuple(course.offered))
    except FOREIGN as error:
        if not notes.refused_login or course.trying is None:
            raise
        raise denied([*course.offered, course.trying.name()], course.allowed or [], notes.goodbye) from error
    raise denied(course.offered, course.allowed or [])


def _any_accepted(transport: Transport, visit: Visit, course: _Course, identities: Identities) -> bool:
    accepted = True
    while accepted:  # a part: what was passed over before may be just what is required now
        accepted = False
        with closing(_proofs(visit, course, identities)) as proofs:
            for proof in proofs:
                if proof.method != "publickey" and course.allowed is None:
                    # No password is sent to a server that takes none.
                    course.allowed = methods_taken(transport, visit.hop.login.user)
                if not transport.is_authenticated() and course.has_room_for(proof) and _hopeful(proof, visit, course):
                    accepted |= course.takes(proof, transport)
                if transport.is_authenticated():
                    return True
    return False


def _proofs(visit: Visit, course: _Course, identities: Identities) -> Generator[_Proof, None, None]:
    login = visit.hop.login
    with closing(identities.offered()) as offered:
        for identity in offered:
            yield _key_proof(login.user, identity)
    yield _Proof(_QUESTIONS, b"", lambda: course.dialogue.name, course.dialogue.hold)
    if login.password is not None:
        yield _password_proof(visit, login.password)


def _hopeful(proof: _Proof, visit: Visit, course: _Course) -> bool:
    """Whether there are answers to give. A dialogue that is broken off may count as a failure and lock the account.

    Where nothing else is left it is begun all the same, so as to tell what the server wants to know.
    """
    login = visit.hop.login
    answers = login.password is not None or login.answers or visit.means.person is not None
    return proof.method != _QUESTIONS or bool(answers) or course.in_part or course.allowed == [_QUESTIONS]


def _key_proof(user: str, identity: Identity) -> _Proof:
    def attempt(transport: Transport) -> list[str]:
        return try_login(transport, lambda handler, done: handler.auth_publickey(user, identity.as_key(), done))

    doubt = identity.certificate.doubt(user) if identity.certificate else ""
    return _Proof("publickey", identity.blob, lambda: identity.name, attempt, doubt)


def _password_proof(visit: Visit, password: Secret) -> _Proof:
    user = visit.hop.login.user

    def attempt(transport: Transport) -> list[str]:
        with visit.sending(password, transport):
            return try_login(transport, lambda handler, done: handler.auth_password(user, password.reveal(), done))

    return _Proof("password", b"", lambda: "password", attempt)


def methods_taken(transport: Transport, user: str) -> list[str] | None:
    """What the server takes, asked by the method "none" (RFC 4252, 5.2), which may also be all it wants.

    None when it does not tell.
    """
    try:
        try_login(transport, lambda handler, done: handler.auth_none(user, done))
    except BadAuthenticationType as error:
        return list(error.allowed_types)
    except AuthenticationException:
        return None
    except (paramiko.SSHException, EOFError, OSError):
        if transport.is_active():
            return None
        raise
    return None
