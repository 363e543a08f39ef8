"""Servers that lie in mid-protocol cost themselves only, and are called what they are."""

from __future__ import annotations

import json
import shlex
import socket
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleetctl.cancel import Cancel
from fleetctl.errors import ConnectionLost
from fleetctl.model import Host, HostKeyPolicy, Login, Secret
from fleetctl.ssh.dial import Dialer
from tests.support import broken, liars
from tests.support.fleetctl import Fleetctl
from tests.support.sshd import Sshd

NOT_ALLOWED = b"Not allowed at this time\r\n"


def beside_a_sound_one(sshd: Sshd, directory: Path, port: int, **settings: Any) -> Path:
    """An inventory with the sound host h001 and the liar."""
    path = sshd.inventory(directory, 1)
    content = yaml.safe_load(path.read_text())
    content["hosts"]["liar"] = {"address": "127.0.0.1", "port": port, "host_key_policy": "off"} | settings
    path.write_text(yaml.safe_dump(content))
    return path


def test_a_key_exchange_with_nonsense_is_a_protocol_failure(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> None:
    with broken.server(liars.sends_a_point_that_is_none) as port:
        ran = fleetctl("run", "-i", beside_a_sound_one(sshd, tmp_path, port), "-o", "json", "true")
    hosts = {host["host"]: host for host in ran.json["hosts"]}
    assert hosts["h001"]["status"] == "ok"
    assert (hosts["liar"]["status"], hosts["liar"]["error"]["code"]) == ("unreachable", "protocol-failure")
    assert ran.exit_code == 3


def test_trust_goes_on_past_a_key_exchange_with_nonsense(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> None:
    known = tmp_path / "learned"
    with broken.server(liars.sends_a_point_that_is_none) as port:
        inventory = beside_a_sound_one(sshd, tmp_path, port)
        ran = fleetctl("trust", "-y", "-i", inventory, "--known-hosts", known)
    assert ran.exit_code == 3
    assert "no key" in ran.stdout
    assert f"[127.0.1.1]:{sshd.port} " in known.read_text()


@pytest.mark.parametrize("further", ["ed25519", "password"])
def test_a_server_that_takes_no_rsa_refuses_that_key_only(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, further: str
) -> None:
    keys = [str(sshd.key("rsa"))]
    with broken.server(liars.takes_no_rsa) as port:
        if further == "password":
            inventory = beside_a_sound_one(sshd, tmp_path, port, keys=keys, password=liars.PASSWORD)
        else:
            inventory = beside_a_sound_one(sshd, tmp_path, port, keys=[*keys, str(sshd.key(further))])
        ran = fleetctl("run", "-i", inventory, "-t", "liar", "true")
    assert ran.exit_code == 0, ran.stderr


def test_a_server_that_ignores_the_window_is_cut_off() -> None:
    release = threading.Event()

    def never_read(*_: object) -> None:
        release.wait(20)

    with broken.server(liars.ignores_the_window) as port, Cancel() as cancel:
        login = Login("liar", password=Secret(liars.PASSWORD))
        host = Host("liar", "127.0.0.1", login, port, host_key_policy=HostKeyPolicy.OFF)
        session = Dialer(login_timeout=20).dial(host, cancel)

        def release_at_the_end() -> None:
            session._transport.join(20)
            release.set()

        watch = threading.Thread(target=release_at_the_end)
        watch.start()
        with pytest.raises(ConnectionLost, match="more than its window"):
            session.run("flood", never_read, cancel)
        watch.join(20)
        session.close()


def test_the_largest_exit_code_fits_into_one(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> None:
    with broken.server(liars.exits_with_256) as port:
        inventory = beside_a_sound_one(sshd, tmp_path, port, password=liars.PASSWORD)
        assert fleetctl("run", "-S", "-i", inventory, "true").exit_code == 255


@pytest.mark.parametrize("words", [b"Exceeded MaxStartups\r\n", NOT_ALLOWED])
def test_a_server_that_says_it_is_too_busy_is_tried_again(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, words: bytes
) -> None:
    def busy(connection: Any) -> None:
        connection.sendall(words)
        connection.close()

    with broken.server(busy) as port:
        ran = fleetctl("run", "-i", beside_a_sound_one(sshd, tmp_path, port), "-t", "liar", "-o", "json", "true")
    (liar,) = ran.json["hosts"]
    assert (liar["error"]["code"], liar["attempts"]) == ("turned-away", 3)


def test_an_agent_that_does_not_answer_is_given_up(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> None:
    inventory = sshd.inventory(tmp_path, 2, keys=[], agent=True)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "agent"))
        silent.listen()
        where = {"SSH_AUTH_SOCK": str(tmp_path / "agent")}
        ran = fleetctl("run", "-i", inventory, "--login-timeout", "6", "true", env=where)
    assert ran.exit_code == 3
    assert "cannot use the ssh-agent: it does not answer" in ran.stderr


def test_descriptors_that_run_out_are_not_held_against_a_key(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> None:
    done = limited(fleetctl, "ulimit -n 40", "run", "-i", sshd.inventory(tmp_path, 50), "-o", "json", "sleep 1")
    statuses = {host["status"] for host in json.loads(done.stdout)["hosts"]}
    assert statuses == {"ok", "unreachable"}
    assert b"ulimit -n" in done.stderr


def test_a_limit_of_descriptors_that_may_be_raised_is_no_limit(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> None:
    """Many systems have a low one that every program may raise; here it is too low for so many hosts."""
    done = limited(fleetctl, "ulimit -Sn 40", "run", "-i", sshd.inventory(tmp_path, 50), "-o", "json", "sleep 1")
    assert [host["status"] for host in json.loads(done.stdout)["hosts"]] == ["ok"] * 50
    assert done.returncode == 0


def limited(fleetctl: Fleetctl, limit: str, *words: str | Path) -> subprocess.CompletedProcess[bytes]:
    """Run the command in a shell that has set a limit before."""
    line = f"{limit}; exec {shlex.join(fleetctl.command(words))}"
    return subprocess.run(
        ["sh", "-c", line], env=fleetctl.environment(None), stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
        check=False,
    )  # fmt: skip
