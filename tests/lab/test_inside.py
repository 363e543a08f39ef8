"""A lab inside this process: what it writes, what it takes to import, and that it leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from fleetctl.errors import UsageError
from fleetctl.inventory import load
from fleetctl.lab import Lab
from tests.support.lab_client import run


def test_nothing_is_left_of_it(place: Path) -> None:
    threads = set(threading.enumerate())
    with Lab(place, 2, password=True) as lab:
        run(lab, "lab01", "echo hi > kept")
    assert not place.exists()
    assert set(threading.enumerate()) <= threads


def test_a_command_still_running_ends_with_it(place: Path) -> None:
    with Lab(place, 1) as lab:
        address, port = lab.host("lab01")
        command = [sys.executable, "-c", CLIENT, address, str(port), lab.user, str(lab.client_key)]
        client = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert client.stdout is not None
        assert client.stdout.readline() == b"ready\n"
    with client:
        assert client.stdout.read() == b"lost\n"


CLIENT = """
import asyncio, asyncssh, sys

async def main(host, port, user, key):
    async with asyncssh.connect(host, int(port), username=user, client_keys=[key], known_hosts=None) as connection:
        process = await connection.create_process("echo ready; sleep 1000")
        print((await process.stdout.readline()).strip(), flush=True)
        await connection.wait_closed()
        print("lost")

asyncio.run(main(*sys.argv[1:]))
"""


def test_only_the_owner_can_read_what_it_writes(lab: Lab) -> None:
    assert lab.directory.stat().st_mode & 0o777 == 0o700
    files = [path for path in lab.directory.iterdir() if path.is_file()]
    assert {"client_key", "password", "known_hosts", "inventory.yaml"} <= {path.name for path in files}
    assert {path.stat().st_mode & 0o077 for path in files} == {0}


def test_the_password_stands_in_no_other_file(lab: Lab) -> None:
    assert lab.password is not None
    secret = lab.password.reveal().encode()
    holding = [path for path in lab.directory.rglob("*") if path.is_file() and secret in path.read_bytes()]
    assert holding == [lab.directory / "password"]


def test_the_inventory_names_every_host_strictly_checked(lab: Lab) -> None:
    inventory = load([lab.inventory])
    assert inventory.names == lab.hosts == ("lab01", "lab02", "lab03", "lab04", "lab05")
    assert inventory.warnings == ()
    hosts = inventory.hosts(inventory.select())
    assert {host.address for host in hosts} == {"127.0.0.1"}
    assert {str(host.host_key_policy) for host in hosts} == {"strict"}
    assert [(host.name, host.tags, host.vars["role"]) for host in hosts] == [
        ("lab01", ("canary",), "web"), ("lab02", (), "web"), ("lab03", (), "web"), ("lab04", (), "db"),
        ("lab05", (), "db"),
    ]  # fmt: skip
    assert all(host.login.password == lab.password for host in hosts)


def test_a_directory_with_something_else_in_it_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "inventory.yaml").write_text("mine")
    with pytest.raises(UsageError, match="in use"), Lab(tmp_path, 1):
        pass
    assert (tmp_path / "inventory.yaml").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["inventory.yaml"]


def test_a_directory_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with pytest.raises(UsageError, match="open to other users"), Lab(tmp_path, 1):
        pass


def test_two_labs_do_not_share_a_directory(lab: Lab) -> None:
    with pytest.raises(UsageError, match="already up"), Lab(lab.directory, 1):
        pass
    assert run(lab, "lab01", "echo still here").stdout == b"still here\n"


def test_without_hosts_there_is_no_lab(place: Path) -> None:
    with pytest.raises(UsageError, match="at least one"):
        Lab(place, 0)


def test_without_asyncssh_it_says_what_to_install(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncssh", None)
    with pytest.raises(UsageError) as missing, Lab(place, 1):
        pass
    assert missing.value.hint == "pip install 'fleetctl[lab]'"
    assert not place.exists()


def test_importing_the_room_loads_neither_asyncssh_nor_yaml() -> None:
    code = "import sys, fleetctl.lab; print({'asyncssh', 'yaml', 'asyncio', 'cryptography'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_latency_is_paid_by_every_round_trip(place: Path) -> None:
    round_trip = 0.05
    with Lab(place, 1, latency=round_trip) as lab:
        begun = time.monotonic()
        assert run(lab, "lab01", "cat", stdin=b"x" * 300_000).stdout == b"x" * 300_000
        # at least: banner and key exchange, login, command
        assert time.monotonic() - begun >= 3 * round_trip
