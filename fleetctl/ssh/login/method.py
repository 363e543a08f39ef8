"""One authentication method, tried on a connection (RFC 4252), and what a server asks in the course of it (RFC 4256).

paramiko answers questions in the thread that reads from the connection. A person may type for a minute, so here the
thread that logs in answers them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import msgspec
import paramiko
from paramiko import Message, SSHException, Transport
from paramiko.auth_handler import AuthHandler
from paramiko.common import cMSG_USERAUTH_INFO_RESPONSE
from paramiko.ssh_exception import AuthenticationException, PartialAuthentication

from fleetctl.ssh.transport import lives, wait

_MAX_ROUNDS = 30
_MAX_FIELDS = 30
_MAX_CHARACTERS = 2000


class Field(msgspec.Struct, frozen=True):
    """One question. `shown` is whether what is typed may be seen."""

    prompt: str
    shown: bool


class Questions(msgspec.Struct, frozen=True):
    """What a server asks at once, which may be nothing. All of it is the server's own text."""

    title: str
    text: str
    fields: tuple[Field, ...]


Reply = Callable[[Questions], Sequence[str]]
"""One answer for each field. What it raises ends the method, and the connection stays."""

Begin = Callable[[AuthHandler, threading.Event], None]
"""Calls one of the `auth_*` of the handler that it is given, with the event."""


class Refused(AuthenticationException):
    """The method was tried and not accepted; `allowed` is what the server would take now."""

    def __init__(self, allowed: list[str]) -> None:
        super().__init__("Authentication failed.")
        self.allowed = allowed


class PasswordExpired(AuthenticationException):
    """The password is right, and the server wants a new one before it lets anyone in."""


def try_login(transport: Transport, begin: Begin, reply: Reply | None = None) -> list[str]:
    """Try one authentication method and wait for its end: as auth_handler.py's `wait_for_response`, without polls.

    Args:
        reply: answers the server's questions, in this thread.

    Returns: what the server requires further; [] when nothing.
    Raises: paramiko's AuthenticationException and its kinds, or what ended the connection; what `reply` raises.
    """
    handler = _Method(transport) if transport.auth_handler is None else _NextMethod(transport)
    transport.auth_handler = handler
    done = threading.Event()
    begin(handler, done)
    _converse(transport, handler, done, reply)
    error = transport.get_exception()
    if not lives(transport):
        raise error or EOFError()
    if transport.is_authenticated():
        return []
    if isinstance(error, PartialAuthentication):
        return list(error.allowed_types)
    raise error or Refused(handler.allowed)


def _converse(transport: Transport, handler: _Method, done: threading.Event, reply: Reply | None) -> None:
    """Answer until the method is over. Raises: AuthenticationException when the server asks without end."""
    for _ in range(_MAX_ROUNDS):
        wait(transport, done)
        done.clear()  # first, so that what comes while we look sets it again
        if handler.over or not lives(transport):
            return
        if handler.asked is not None and reply is not None:
            handler.respond(reply(handler.asked))
    raise AuthenticationException(f"the server asked more than {_MAX_ROUNDS} times")


class _Method(AuthHandler):
    """One way to log in, tried on a connection. `over` tells the thread that waits for it from one that is asked."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self.over = False
        self.asked: Questions | None = None
        self.allowed: list[str] = []

    def respond(self, answers: Sequence[str]) -> None:
        self.asked = None
        message = Message()
        message.add_byte(cMSG_USERAUTH_INFO_RESPONSE)
        message.add_int(len(answers))
        for answer in answers:
            message.add_string(answer)
        self.transport._send_message(message)  # type: ignore[attr-defined]  # noqa: SLF001 - as paramiko's own does

    def abort(self) -> None:
        self.over = True
        super().abort()

    def _parse_service_accept(self, m: Message) -> None:
        """Send the request, unless the key makes no signature that the server takes: then it is as if refused.

        An agent may refuse to sign, or not answer in time. paramiko raises in the thread that reads, which would end
        the connection and with it all other ways to log in. A request that cannot be sent was refused by nobody.
        """
        try:
            super()._parse_service_accept(m)  # type: ignore[misc]  # missing in types-paramiko
        except SSHException as error:
            self._end(AuthenticationException(str(error)))

    def _parse_userauth_success(self, m: Message) -> None:
        self.over = True
        super()._parse_userauth_success(m)  # type: ignore[misc]

    def _parse_userauth_failure(self, m: Message) -> None:
        self.over = True
        self.allowed = m.get_list()
        m.rewind()
        super()._parse_userauth_failure(m)  # type: ignore[misc]

    def _parse_userauth_info_request(self, m: Message) -> None:
        """Message 60 has another meaning for each method (RFC 4252, 8; RFC 4256, 3.2)."""
        if self.auth_method == "password":
            self._end(PasswordExpired("the password has expired"))
            return
        if self.auth_method != "keyboard-interactive":
            raise SSHException("Illegal info request from server")
        self.asked = _questions(m)
        if self.auth_event is not None:
            self.auth_event.set()

    def _end(self, error: paramiko.SSHException) -> None:
        self.transport.saved_exception = error
        self.abort()


class _NextMethod(_Method):
    """A further method on a connection whose server has accepted the service request of the first (RFC 4252, 5).

    paramiko asks for the service again with each method, and asyncssh, for one, hangs up at the second request.
    """

    def _request_auth(self) -> None:
        accepted = Message()
        accepted.add_string("ssh-userauth")
        accepted.rewind()
        self._parse_service_accept(accepted)


def _questions(m: Message) -> Questions:
    """Raises: SSHException when there are more than anybody would answer."""
    title, text, _language = (_text(m) for _ in range(3))
    count = m.get_int()
    if count > _MAX_FIELDS:
        raise SSHException(f"the server asks {count} questions at once")
    return Questions(title, text, tuple(Field(_text(m), m.get_boolean()) for _ in range(count)))


def _text(m: Message) -> str:
    return m.get_string().decode(errors="replace")[:_MAX_CHARACTERS]
