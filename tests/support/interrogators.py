"""SSH servers that ask questions at login (RFC 4256), in as many rounds as they like, and note what they are told."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence

import paramiko
from paramiko import PKey
from paramiko.common import AUTH_FAILED, AUTH_PARTIALLY_SUCCESSFUL, AUTH_SUCCESSFUL
from paramiko.server import InteractiveQuery

from tests.support import liars

Round = Sequence[tuple[str, bool, str]]
"""What is asked at once: prompt, whether the answer may be seen, and the right answer."""


def asks(
    rounds: Sequence[Round], heard: list[list[str]], *, text: str = "", after_key: bool = False
) -> Callable[[socket.socket], None]:
    """A server that lets in who answers all rounds; for `tests.support.broken.server`.

    Args:
        heard: the answers of each round are added to it.
        text: the instruction above every round.
        after_key: an Ed25519 key is wanted first.
    """

    def behave(connection: socket.socket) -> None:
        transport = paramiko.Transport(connection)
        liars._serve(transport, _Interrogator(rounds, heard, text, after_key))

    return behave


def hangs_up_after_asking(prompt: str, gone: threading.Event) -> Callable[[socket.socket], None]:
    """A server whose patience ends before anybody has answered; then `gone` is set."""

    def behave(connection: socket.socket) -> None:
        transport = paramiko.Transport(connection)

        def hang_up() -> None:
            transport.close()
            gone.set()

        server = _Interrogator([[(prompt, False, "")]], [], "", False)
        server.asked = threading.Timer(0.3, hang_up).start
        liars._serve(transport, server)

    return behave


def wants_a_new_password(connection: socket.socket) -> None:
    """A server that knows the password, and says that it has expired (RFC 4252, 8)."""
    transport = paramiko.Transport(connection)

    class Strict(liars._Server):
        def check_auth_password(self, username: str, password: str) -> int:
            request = paramiko.Message()
            request.add_byte(bytes([60]))
            request.add_string("Your password has expired")
            request.add_string("en")
            transport._send_message(request)  # type: ignore[attr-defined]
            return AUTH_FAILED

    liars._serve(transport, Strict())


class _Interrogator(liars._Server):
    def __init__(self, rounds: Sequence[Round], heard: list[list[str]], text: str, after_key: bool) -> None:
        super().__init__()
        self._left = list(rounds)
        self._heard = heard
        self._text = text
        self._wants_key = after_key
        self.asked: Callable[[], None] = lambda: None

    def get_allowed_auths(self, username: str) -> str:
        return "publickey" if self._wants_key else "keyboard-interactive"

    def check_auth_password(self, username: str, password: str) -> int:
        return AUTH_FAILED

    def check_auth_publickey(self, username: str, key: PKey) -> int:
        if not self._wants_key or key.get_name() != "ssh-ed25519":
            return AUTH_FAILED
        self._wants_key = False
        return AUTH_PARTIALLY_SUCCESSFUL

    def check_auth_interactive(self, username: str, submethods: str) -> int | InteractiveQuery:
        return AUTH_FAILED if self._wants_key else self._next()

    def check_auth_interactive_response(self, responses: list[str]) -> int | InteractiveQuery:
        self._heard.append(list(responses))
        asked = self._left.pop(0)
        if list(responses) != [right for _, _, right in asked]:
            return AUTH_FAILED
        return self._next()

    def _next(self) -> int | InteractiveQuery:
        if not self._left:
            return AUTH_SUCCESSFUL
        self.asked()
        prompts = [(prompt, shown) for prompt, shown, _ in self._left[0]]
        return InteractiveQuery("", self._text, *prompts)
