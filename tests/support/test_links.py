"""The relays and the small disk: what passes, when it ends, and what is left behind."""

from __future__ import annotations

import errno
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Queue

import pytest

from tests.support import broken
from tests.support.slow_link import delayed, limited
from tests.support.small_disk import small_disk


def echo(connection: socket.socket) -> None:
    while data := connection.recv(65536):
        connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)


@pytest.fixture
def target() -> Iterator[tuple[str, int]]:
    with broken.server(echo) as port:
        yield "127.0.0.1", port


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before | {threading.current_thread()}


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def said_back(port: int, said: bytes) -> bytes:
    with connect(port) as client:
        speaker = threading.Thread(target=speak, args=(client, said))
        speaker.start()
        heard = everything(client)
        speaker.join(20)
        return heard


def speak(client: socket.socket, said: bytes) -> None:
    try:
        client.sendall(said)
        client.shutdown(socket.SHUT_WR)
    except OSError:
        return  # cut off


def everything(client: socket.socket) -> bytes:
    heard = b""
    try:
        while data := client.recv(65536):
            heard += data
    except ConnectionResetError:
        pass
    return heard


def test_a_long_line_passes_everything_in_order_and_late(target: tuple[str, int]) -> None:
    said = os.urandom(3_000_000)
    begun = time.monotonic()
    with delayed(target, 0.1) as port:
        assert said_back(port, said) == said
    assert time.monotonic() - begun >= 0.1


def test_a_long_line_has_much_under_way_at_once(target: tuple[str, int]) -> None:
    begun = time.monotonic()
    with delayed(target, 0.2) as port, connect(port) as client:
        for number in range(100):
            client.sendall(b"%03d" % number)
        heard = b""
        while len(heard) < 300:
            heard += client.recv(4096)
        taken = time.monotonic() - begun
    assert heard == b"".join(b"%03d" % number for number in range(100))
    assert taken < 100 * 0.2


def test_many_connections_share_a_long_line(target: tuple[str, int]) -> None:
    heard: dict[int, bytes] = {}
    with delayed(target, 0.02) as port:

        def talk(number: int) -> None:
            heard[number] = said_back(port, b"%03d" % number * 10_000)

        threads = [threading.Thread(target=talk, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert heard == {number: b"%03d" % number * 10_000 for number in range(20)}


def test_a_narrow_line_takes_its_time(target: tuple[str, int]) -> None:
    said = os.urandom(100_000)
    begun = time.monotonic()
    with limited(target, 500_000) as port:
        assert said_back(port, said) == said
    assert time.monotonic() - begun >= 0.2


@pytest.mark.parametrize("behave", [broken.silent, broken.closes, broken.resets])
def test_a_line_ends_with_its_ends(behave: broken.Behave) -> None:
    with broken.server(behave) as far, delayed(("127.0.0.1", far), 0.01) as port:
        client = connect(port)
        if behave is not broken.silent:
            assert everything(client) == b""
    with client:
        assert everything(client) == b""


def test_a_line_can_be_left_with_much_under_way(target: tuple[str, int]) -> None:
    with limited(target, 1_000) as port, connect(port) as client:
        client.sendall(bytes(100_000))


def test_a_relay_cuts_after_what_came_back(target: tuple[str, int]) -> None:
    with broken.cutting_relay(target, 1000) as port:
        assert said_back(port, bytes(5000)) == bytes(1000)


def test_a_relay_cuts_after_what_was_sent() -> None:
    received: Queue[bytes] = Queue()

    def take(connection: socket.socket) -> None:
        received.put(everything(connection))

    with (
        broken.server(take) as far,
        broken.cutting_relay(("127.0.0.1", far), sent=1000) as port,
        connect(port) as client,
    ):
        speak(client, bytes(5000))
        assert everything(client) == b""
        assert received.get(timeout=20) == bytes(1000)


def test_a_relay_to_a_silent_server_can_be_left() -> None:
    with broken.server(broken.silent) as far, broken.cutting_relay(("127.0.0.1", far)) as port:
        client = connect(port)
        client.sendall(b"in")
    with client:
        assert everything(client) == b""


def test_a_relay_that_never_cuts_ends_with_its_client(target: tuple[str, int]) -> None:
    with broken.cutting_relay(target) as port, connect(port) as client:
        client.sendall(b"in")
        assert client.recv(2) == b"in"


def test_a_small_disk_is_soon_full_and_gone_afterwards(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1) as disk:
        (disk / "fits").write_bytes(bytes(500_000))
        with pytest.raises(OSError, match="No space left") as caught:
            (disk / "large").write_bytes(bytes(1_000_000))
        assert caught.value.errno == errno.ENOSPC
    assert list((tmp_path / "disk").iterdir()) == []
