"""A connection that ends just as a login sends its proof: nobody has refused anything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from unittest.mock import patch

import msgspec
import pytest
from paramiko import Message

from fleetctl.cancel import Cancel
from fleetctl.errors import ConnectionLost
from fleetctl.model import Host, Login, Secret
from fleetctl.ssh.dial import Dialer
from fleetctl.ssh.stream.packets import PacketLayer
from tests.support.account import Account
from tests.support.hosts import host_of
from tests.support.sshd import Sshd

_USERAUTH_REQUEST = 50


@pytest.fixture
def dialer() -> Iterator[Dialer]:
    dialer = Dialer(login_timeout=30)
    yield dialer
    dialer.close()


def _cut_at(method: str) -> AbstractContextManager[object]:
    """The connection ends, unnoticed as yet, when this method is to be tried."""
    send = PacketLayer.send_message

    def send_or_fail(layer: PacketLayer, message: Message) -> None:
        data = message.asbytes()
        if data[0] == _USERAUTH_REQUEST and method.encode() in data:
            raise EOFError
        send(layer, message)

    return patch.object(PacketLayer, "send_message", send_or_fail)


def test_a_password_that_could_not_be_sent_was_not_rejected(
    dialer: Dialer, sshd: Sshd, tmp_path: Path, cancel: Cancel, password_login: Account
) -> None:
    login = Login(sshd.user, (), password=Secret(password_login.password))
    host = msgspec.structs.replace(host_of(sshd, tmp_path), login=login)
    with _cut_at("password"), pytest.raises(ConnectionLost):
        dialer.dial(host, cancel)
    dialer.dial(host, cancel).close()


def test_a_key_that_could_not_be_sent_was_not_refused(
    dialer: Dialer, sshd: Sshd, tmp_path: Path, cancel: Cancel
) -> None:
    host: Host = host_of(sshd, tmp_path)
    with _cut_at("publickey"), pytest.raises(ConnectionLost):
        dialer.dial(host, cancel)
    dialer.dial(host, cancel).close()
