"""The servers that misbehave really do, as seen from a plain socket."""

from __future__ import annotations

import socket
import struct

import pytest

from tests.support import broken, hostile


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def everything(client: socket.socket) -> bytes:
    received = b""
    while data := client.recv(65536):
        received += data
    return received


@pytest.mark.parametrize(
    ("behave", "part"),
    [(hostile.sends_endless_lines, b"please wait\r\n"), (hostile.sends_an_endless_line, b"x" * 100)],
)
def test_what_never_ends_outlasts_a_client_that_reads_a_megabyte(behave: broken.Behave, part: bytes) -> None:
    with broken.server(behave) as port, connect(port) as client:
        received = b""
        while len(received) < 1_000_000:
            received += client.recv(65536)
    assert part in received
    assert b"SSH-" not in received


def test_garbage_in_place_of_the_banner_is_followed_by_the_end() -> None:
    with broken.server(hostile.sends_garbage) as port, connect(port) as client:
        assert everything(client) == bytes(range(256)) * 16


def test_hanging_up_at_once_sends_nothing() -> None:
    with broken.server(broken.closes) as port, connect(port) as client:
        assert everything(client) == b""


def test_a_reset_is_seen_as_one() -> None:
    # It may come as early as in connecting.
    with broken.server(broken.resets) as port, pytest.raises(ConnectionResetError), connect(port) as client:
        everything(client)


def test_the_kexinit_without_known_names_is_a_well_formed_packet() -> None:
    with broken.server(broken.knows_no_algorithm) as port, connect(port) as client:
        stream = client.makefile("rb")
        assert stream.readline().startswith(b"SSH-2.0-")
        length, padding = struct.unpack(">IB", stream.read(5))
        packet = stream.read(length - 1)
    assert packet[0] == 20
    assert (length + 4) % 8 == 0
    assert 4 <= padding < length
    assert packet.count(b"made-up@example.com") == 10


def test_a_connection_into_the_black_hole_times_out() -> None:
    with broken.black_hole() as port, pytest.raises(TimeoutError):
        socket.create_connection(("127.0.0.1", port), timeout=0.3)


def test_a_server_with_clients_still_connected_can_be_left() -> None:
    with broken.server(broken.speaks_ssh_1) as port:
        client = connect(port)
        banner = client.recv(64)
    with client:
        assert banner.startswith(b"SSH-1.")
        assert client.recv(1) == b""
