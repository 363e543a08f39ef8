"""A lab host misbehaves as its fault says, and only that host."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import asyncssh
import pytest

from fleetctl.errors import UsageError
from fleetctl.lab import Fault, Lab
from tests.support.lab_client import run, talk, with_password

Faulty = Callable[[Fault], Lab]


@pytest.fixture
def faulty(place: Path) -> Iterator[Faulty]:
    """`faulty(fault)` is a lab whose lab01 has that fault; lab02 is sound, which is checked at the end."""
    with ExitStack() as stack:
        started = []

        def start(fault: Fault) -> Lab:
            lab = stack.enter_context(Lab(place, 2, password=True, faults={"lab01": fault}))
            started.append(lab)
            return lab

        yield start
        for lab in started:
            assert run(lab, "lab02", "echo sound").stdout == b"sound\n"


async def nothing(connection: asyncssh.SSHClientConnection) -> None:
    """Logging in is all."""


def test_every_connection_is_refused_after_none(faulty: Faulty) -> None:
    lab = faulty(Fault(refuse_after=0))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(lab.host("lab01"))


def test_connections_are_refused_after_the_first_ones(faulty: Faulty) -> None:
    lab = faulty(Fault(refuse_after=2))
    for _ in range(2):
        assert run(lab, "lab01", "echo hi").stdout == b"hi\n"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(lab.host("lab01"))
    assert lab.connections("lab01") == 2


def test_the_first_connections_are_closed_before_the_banner(faulty: Faulty) -> None:
    lab = faulty(Fault(close_first=2))
    for _ in range(2):
        with socket.create_connection(lab.host("lab01")) as client:
            assert client.recv(100) == b""
    assert run(lab, "lab01", "echo hi").stdout == b"hi\n"
    assert lab.connections("lab01") == 3


def test_a_banner_that_is_late_is_not_there_before_its_time(faulty: Faulty) -> None:
    lab = faulty(Fault(banner_delay=3600))
    with socket.create_connection(lab.host("lab01"), timeout=0.2) as client, pytest.raises(TimeoutError):
        client.recv(100)


def test_a_late_banner_comes_in_the_end(faulty: Faulty) -> None:
    lab = faulty(Fault(banner_delay=0.1))
    assert run(lab, "lab01", "echo hi").stdout == b"hi\n"


@pytest.mark.parametrize("how", ["key", "password"])
def test_every_login_is_denied(faulty: Faulty, how: str) -> None:
    lab = faulty(Fault(admits="deny"))
    with pytest.raises(asyncssh.PermissionDenied):
        talk(lab, "lab01", nothing, **(with_password(lab) if how == "password" else {}))
    assert lab.attempts("lab01") == 1


def test_only_the_password_is_offered(faulty: Faulty) -> None:
    lab = faulty(Fault(admits="password-only"))
    with pytest.raises(asyncssh.PermissionDenied):
        talk(lab, "lab01", nothing)
    assert lab.attempts("lab01") == 0
    talk(lab, "lab01", nothing, **with_password(lab))


def test_key_and_password_are_both_needed(faulty: Faulty) -> None:
    lab = faulty(Fault(admits="key-then-password"))
    assert lab.password is not None
    for options in ({}, with_password(lab), {"password": "guess"}):
        with pytest.raises(asyncssh.PermissionDenied):
            talk(lab, "lab01", nothing, **options)
    talk(lab, "lab01", nothing, password=lab.password.reveal())


def test_sessions_beyond_the_limit_are_refused_until_one_ends(faulty: Faulty) -> None:
    async def part(connection: asyncssh.SSHClientConnection) -> int:
        first = await connection.create_process("cat")
        with pytest.raises(asyncssh.ChannelOpenError) as refused:
            await connection.create_process("cat")
        first.stdin.write_eof()
        await first.wait_closed()
        await connection.run("true", check=True)
        return refused.value.code

    assert talk(faulty(Fault(max_sessions=1)), "lab01", part) == asyncssh.OPEN_RESOURCE_SHORTAGE


def test_a_request_to_run_a_command_stays_without_answer(faulty: Faulty) -> None:
    async def part(connection: asyncssh.SSHClientConnection) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(connection.create_process("echo hi"), 0.2)

    talk(faulty(Fault(answers_exec=False)), "lab01", part)


@pytest.mark.parametrize("latency", [0.0, 0.01])
def test_the_connection_is_reset_in_mid_output(place: Path, latency: float) -> None:
    received = []

    async def part(connection: asyncssh.SSHClientConnection) -> None:
        process = await connection.create_process("head -c 100000 /dev/zero", encoding=None)
        while data := await process.stdout.read(1000):
            received.append(data)

    faults = {"lab01": Fault(reset_after=5000)}
    with Lab(place, 1, latency=latency, faults=faults) as lab, pytest.raises(ConnectionResetError):
        talk(lab, "lab01", part)
    assert len(b"".join(received)) <= 5000


def test_less_output_than_that_passes(faulty: Faulty) -> None:
    assert run(faulty(Fault(reset_after=5000)), "lab01", "head -c 4999 /dev/zero").status == 0


def test_slow_output_comes_whole(faulty: Faulty) -> None:
    assert run(faulty(Fault(bytes_per_second=20_000)), "lab01", "seq 1000").stdout.endswith(b"\n999\n1000\n")


@pytest.mark.parametrize(("ends", "status", "signal"), [("signal", None, "KILL"), ("nothing", None, None)])
def test_the_end_of_a_command_is_told_otherwise(faulty: Faulty, ends: str, status: object, signal: object) -> None:
    done = run(faulty(Fault(ends=ends)), "lab01", "echo hi")  # type: ignore[arg-type]
    assert (done.stdout, done.status, done.signal) == (b"hi\n", status, signal)


@pytest.mark.parametrize(
    ("fault", "word"), [({"lab09": Fault()}, "lab09"), ({"lab01": Fault(admits="password-only")}, "password")]
)
def test_a_fault_that_does_not_fit_the_lab_is_refused(place: Path, fault: dict[str, Fault], word: str) -> None:
    with pytest.raises(UsageError, match=word):
        Lab(place, 2, faults=fault)
    assert not place.exists()
