"""Which proofs of identity are tried in what order: key files, agent keys, password.

Every key is tried with a signature, because paramiko asks no "would you take this key?" first, and a
server counts each against MaxAuthTries (6 in sshd): hence the bound on keys. A method that returns a
list has succeeded in part only (auth_handler.py: `wait_for_response`), and the next must follow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import msgspec
import paramiko
from paramiko import PKey, Transport
from paramiko.ssh_exception import AuthenticationException, BadAuthenticationType

from fleetctl.cancel import Cancel
from fleetctl.cancel import Guard as Deadline
from fleetctl.errors import DeniedError, KeyUnusable
from fleetctl.model import Hop, Secret
from fleetctl.ssh.agent import agent_keys
from fleetctl.ssh.guard import Guard, Turn
from fleetctl.ssh.keys import KeyRing
from fleetctl.ssh.known_hosts import fingerprint
from fleetctl.ssh.notes import ServerNotes
from fleetctl.ssh.translate import FOREIGN
from fleetctl.ssh.transport import lives, try_login

_MAX_KEYS = 5


class Means(msgspec.Struct, frozen=True):
    """What the logins of a run share.

    Args:
        ring: the decoded keys.
        passwords: decides who may send one.
        patience: seconds for each answer of the ssh-agent.
    """

    ring: KeyRing
    passwords: Guard
    patience: float


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

    @contextmanager
    def turn(self, secret: Secret) -> Iterator[Turn]:
        """Leave to send a secret. Raises: as Guard."""
        with ExitStack() as stack:
            with self.cancel.paused(self.deadline):
                turn = stack.enter_context(self.means.passwords.turn(secret, self.hop.name, self.cancel))
            yield turn


class _Proof(msgspec.Struct, frozen=True):
    """One way to log in: the SSH method it is, what it is made of, how to name it when it failed, and the attempt."""

    method: str
    source: str
    name: Callable[[], str]
    attempt: Callable[[Transport], list[str]]


class _Course(msgspec.Struct):
    """How a login has gone so far. `allowed` is what the server would take next; None before it has said so."""

    tried: set[tuple[str, str]] = msgspec.field(default_factory=set)
    offered: list[str] = msgspec.field(default_factory=list)
    allowed: list[str] | None = None
    password_rejected: bool = False
    trying: _Proof | None = None

    def has_room_for(self, proof: _Proof) -> bool:
        if proof.method == "keyboard-interactive" and self.password_rejected:
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
            if proof.method != "publickey":  # a key may be what is required later; a password is not sent twice
                self.tried.add((proof.method, proof.source))
                self.password_rejected = True
            return False
        except AuthenticationException as error:
            if not transport.is_active() or "timeout" in str(error):
                raise
            self.password_rejected |= proof.method == "password"
        self.tried.add((proof.method, proof.source))
        if not transport.is_authenticated():
            self.offered.append(f"{proof.name()} (accepted, more is required)" if left else proof.name())
            self.allowed = left or self.allowed
        return bool(left) or transport.is_authenticated()


def log_in(transport: Transport, visit: Visit) -> None:
    """Authenticate, or say what was offered and what the server would take.

    Raises:
        DeniedError: nothing was accepted; facts `offered`, `allowed` and `unusable`.
        Withheld: a password that other hosts rejected was not sent.
        Foreign errors when the connection breaks: for `translated(Stage.LOGIN)`.
    """
    course = _Course()
    unusable: dict[str, KeyUnusable] = {}
    user, notes = visit.hop.login.user, visit.notes
    try:
        if _any_accepted(transport, visit, course, unusable):
            return
    except FOREIGN as error:
        if not notes.refused_login or course.trying is None:
            raise
        offered = [*course.offered, course.trying.name()]
        raise _denied(user, offered, course.allowed or [], unusable, notes.goodbye) from error
    if not course.offered and course.allowed is None and _needs_no_proof(transport, user):
        return
    raise _denied(user, course.offered, course.allowed or _allowed(transport, user), unusable)


def _any_accepted(transport: Transport, visit: Visit, course: _Course, unusable: dict[str, KeyUnusable]) -> bool:
    accepted = True
    while accepted:  # a part: what was passed over before may be just what is required now
        accepted = False
        for proof in _proofs(visit, unusable):
            if proof.method != "publickey" and course.allowed is None:
                course.allowed = _allowed(transport, visit.hop.login.user) or None  # no password for one who takes none
            if not transport.is_authenticated() and course.has_room_for(proof):
                accepted |= course.takes(proof, transport)
            if transport.is_authenticated():
                return True
    return False


def _proofs(visit: Visit, unusable: dict[str, KeyUnusable]) -> Iterator[_Proof]:
    login, ring, patience = visit.hop.login, visit.means.ring, visit.means.patience
    keys = 0
    for path in login.keys:
        try:
            key = ring.key(path, login.key_passphrase)
        except KeyUnusable as error:
            unusable[path] = error
            continue
        if keys == _MAX_KEYS:
            break
        keys += 1
        yield _key_proof(login.user, path, key)
    if login.agent and keys < _MAX_KEYS:
        try:
            yield from _agent_proofs(login.user, _MAX_KEYS - keys, patience)
        except KeyUnusable as error:
            unusable["agent"] = error
    if login.password is not None:
        yield _password_proof(visit, login.user, login.password)
        yield _prompted_password_proof(visit, login.user, login.password)


def _key_proof(user: str, where: str, key: PKey) -> _Proof:
    def name() -> str:
        return f"key {where} ({key.get_name()} {fingerprint(key.asbytes())})"

    def attempt(transport: Transport) -> list[str]:
        return try_login(transport, lambda handler, done: handler.auth_publickey(user, key, done))

    return _Proof("publickey", key.get_base64(), name, attempt)


def _agent_proofs(user: str, most: int, patience: float) -> Iterator[_Proof]:
    with agent_keys(patience) as keys:
        for key in keys[:most]:
            yield _key_proof(user, "of the agent", key)


def _password_proof(visit: Visit, user: str, password: Secret) -> _Proof:
    def attempt(transport: Transport) -> list[str]:
        with visit.turn(password) as turn, _told(turn, transport, visit.notes):
            return try_login(transport, lambda handler, done: handler.auth_password(user, password.reveal(), done))

    return _Proof("password", "password", lambda: "password", attempt)


@contextmanager
def _told(turn: Turn, transport: Transport, notes: ServerNotes) -> Iterator[None]:
    """Tell the others what became of the password that is sent inside."""
    try:
        yield
        turn.accepted = True
    except BadAuthenticationType:
        raise  # the method is not allowed; nobody looked at the password
    except FOREIGN as error:
        refused = isinstance(error, AuthenticationException) and lives(transport)
        if refused or notes.refused_login:
            turn.accepted = False
        raise


def _prompted_password_proof(visit: Visit, user: str, password: Secret) -> _Proof:
    """For servers that ask for the password in a dialogue: answered when it is one hidden field."""

    def answer(_title: str, _text: str, fields: list[tuple[str, bool]]) -> list[str]:
        return [password.reveal()] if len(fields) == 1 and not fields[0][1] else ["" for _ in fields]

    def attempt(transport: Transport) -> list[str]:
        with visit.turn(password) as turn, _told(turn, transport, visit.notes):
            return try_login(transport, lambda handler, done: handler.auth_interactive(user, answer, done))

    return _Proof("keyboard-interactive", "password", lambda: "password, asked for", attempt)


def _needs_no_proof(transport: Transport, user: str) -> bool:
    try:
        _say_who(transport, user)
    except AuthenticationException:
        return False
    return transport.is_authenticated()


def _say_who(transport: Transport, user: str) -> None:
    """The method "none" (RFC 4252, 5.2): it is refused with the list of what the server would take."""
    try_login(transport, lambda handler, done: handler.auth_none(user, done))


def _allowed(transport: Transport, user: str) -> list[str]:
    try:
        _say_who(transport, user)
    except BadAuthenticationType as error:
        return list(error.allowed_types)
    except (paramiko.SSHException, EOFError, OSError):
        return []  # the server is through with us; what it would take stays unknown
    return []


def _denied(
    user: str, offered: list[str], allowed: list[str], unusable: dict[str, KeyUnusable], goodbye: str = ""
) -> DeniedError:
    """What to tell; `goodbye` are the words with which the server hung up, if it did."""
    problems = [error.message for error in unusable.values()]
    told = [f"offered {', '.join(offered) or 'nothing'}", *problems]
    if allowed:
        told.append(f"the server takes {', '.join(allowed)}")
    if goodbye:
        told.append(f"it hung up: {goodbye}")
    hint = next((error.hint for error in unusable.values() if not offered), "") or _advice(offered, allowed, goodbye)
    return DeniedError(
        f"login as {user} denied: {'; '.join(told)}",
        hint=hint,
        user=user,
        offered=offered,
        allowed=allowed,
        unusable=problems,
    )


def _advice(offered: list[str], allowed: list[str], goodbye: str) -> str:
    if goodbye:
        return "too many keys offered? name the right one with `keys` or --key"
    if not offered and allowed:
        return f"give it {' or '.join(allowed)}: `keys`/`password` in the inventory, --key or --ask-pass"
    if any(name.startswith("password") for name in offered) and {"password", "keyboard-interactive"} & {*allowed}:
        return "the password was refused: check it, and the user"
    if "publickey" in allowed and not any(name.startswith("key") for name in offered):
        return "the server wants a key: `keys` in the inventory, or --key"
    return "check the user, and that the key is in the host's authorized_keys or the password is right"
