"""Who may log in to a lab host, and what the lab says about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import asyncssh
import pytest

from fleetctl.lab import Lab
from tests.support.lab_client import talk, with_password


async def who(connection: asyncssh.SSHClientConnection) -> str:
    return str((await connection.run("id -un", check=True)).stdout).strip()


def test_the_key_of_the_lab_logs_in(lab: Lab) -> None:
    assert talk(lab, "lab01", who) == lab.user


def test_the_password_of_the_lab_logs_in(lab: Lab) -> None:
    assert talk(lab, "lab01", who, **with_password(lab)) == lab.user


@pytest.mark.parametrize("what", ["wrong key", "wrong password", "empty password", "wrong user", "nothing"])
def test_everything_else_is_denied(lab: Lab, what: str) -> None:
    options: dict[str, dict[str, Any]] = {
        "wrong key": {"client_keys": [asyncssh.generate_private_key("ssh-ed25519")]},
        "wrong password": with_password(lab, "guess"),
        "empty password": with_password(lab, ""),
        "wrong user": {"username": "somebody-else"},
        "nothing": {"client_keys": None},
    }
    with pytest.raises(asyncssh.PermissionDenied):
        talk(lab, "lab01", who, **options[what])


def test_a_lab_without_password_offers_keys_only(place: Path) -> None:
    async def offered(connection: asyncssh.SSHClientConnection) -> None:
        pytest.fail("nobody may log in without anything")

    with Lab(place, 1) as lab:
        assert lab.password is None
        assert not (place / "password").exists()
        with pytest.raises(asyncssh.PermissionDenied):
            talk(lab, "lab01", offered, client_keys=None, password="anything")
        assert lab.attempts("lab01") == 0


def test_each_host_has_a_host_key_of_its_own(lab: Lab) -> None:
    lines = lab.known_hosts.read_text().splitlines()
    assert len({line.split()[2] for line in lines}) == len(lab.hosts)


def test_a_host_with_the_key_of_another_is_not_trusted(lab: Lab, tmp_path: Path) -> None:
    first, second, *_ = lab.known_hosts.read_text().splitlines()
    swapped = tmp_path / "known_hosts"
    swapped.write_text(f"{first.split()[0]} {' '.join(second.split()[1:])}\n")
    with pytest.raises(asyncssh.HostKeyNotVerifiable):
        talk(lab, "lab01", who, known_hosts=str(swapped))


def test_attempts_and_connections_are_counted(place: Path) -> None:
    with Lab(place, 2, password=True) as lab:
        talk(lab, "lab01", who)
        assert (lab.attempts("lab01"), lab.connections("lab01")) == (1, 1)
        with pytest.raises(asyncssh.PermissionDenied):
            talk(lab, "lab01", who, **with_password(lab, "guess"))
        assert (lab.attempts("lab01"), lab.connections("lab01")) == (2, 2)
        assert (lab.attempts("lab02"), lab.connections("lab02")) == (0, 0)


def test_forwarding_is_refused(lab: Lab) -> None:
    async def part(connection: asyncssh.SSHClientConnection) -> None:
        await connection.open_connection(*lab.host("lab02"))

    with pytest.raises(asyncssh.ChannelOpenError):
        talk(lab, "lab01", part)
