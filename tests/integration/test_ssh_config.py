"""ssh_config through the installed command and a real sshd: hosts are reached as their owners' ssh reaches them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.support.fleetctl import Fleetctl
from tests.support.sshd import Sshd, SshdStarter

ADDRESS = "127.0.1.1"


def block(sshd: Sshd, directory: Path, *more: str) -> str:
    """Lines for the alias `box`, which is the server."""
    known = sshd.known_hosts(directory / "known_hosts", [ADDRESS], ("ed25519",))
    lines = [
        "Host box", f"HostName {ADDRESS}", f"Port {sshd.port}", f"User {sshd.user}", f"IdentityFile {sshd.key()}",
        "IdentitiesOnly yes", f"UserKnownHostsFile {known}", "StrictHostKeyChecking yes", *more,
    ]  # fmt: skip
    return "\n  ".join(lines) + "\n"


@pytest.fixture
def config(sshd: Sshd, tmp_path: Path) -> Path:
    path = tmp_path / "cfg"
    path.write_text(block(sshd, tmp_path))
    return path


def test_an_alias_of_a_named_file_is_reached(fleetctl: Fleetctl, sshd: Sshd, config: Path) -> None:
    ran = fleetctl("run", "-F", config, "-H", "box", "--", "whoami")
    assert (ran.exit_code, ran.stdout.split()[-1], ran.stderr.count("warning")) == (0, sshd.user, 0), ran.stderr


def test_the_users_own_file_is_read_without_being_named(fleetctl: Fleetctl, sshd: Sshd, config: Path) -> None:
    (fleetctl.home / ".ssh").mkdir(mode=0o700)
    own = fleetctl.home / ".ssh" / "config"
    own.write_text("Include conf.d/*\n")
    own.chmod(0o600)
    (fleetctl.home / ".ssh" / "conf.d").mkdir()
    config.rename(fleetctl.home / ".ssh" / "conf.d" / "box")
    (fleetctl.home / "inventory.yaml").write_text("hosts: [box]\n")
    for command in (["run", "true"], ["ping"], ["run", "-i", "inventory.yaml", "true"]):
        more = ["-H", "box"] if "-i" not in command else []
        assert fleetctl(command[0], *more, *command[1:]).exit_code == 0
    assert fleetctl("run", "-F", "none", "-H", "box", "true").exit_code == 3
    own.chmod(0o666)
    ran = fleetctl("run", "-H", "box", "true")
    assert ran.exit_code == 2
    assert "fleetctl: ~/.ssh/config: bad owner or permissions" in ran.stderr


def test_a_named_file_that_is_not_there_ends_it_before_anything_is_contacted(fleetctl: Fleetctl) -> None:
    ran = fleetctl("run", "-F", "nowhere", "-H", "box", "true")
    assert ran.exit_code == 2
    assert "ssh_config file nowhere: there is no such file" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_mistake_in_the_file_is_told_with_its_place(fleetctl: Fleetctl, config: Path) -> None:
    config.write_text("Host box\n  Port many\n")
    ran = fleetctl("run", "-F", config, "-H", "box", "true")
    assert ran.exit_code == 2
    assert f"fleetctl: {config}:2: Port: 'many' is no port: write a number" in ran.stderr


def test_warnings_are_told_once_and_of_selected_hosts_alone(
    fleetctl: Fleetctl, sshd: Sshd, config: Path, tmp_path: Path
) -> None:
    config.write_text(f"Host far\n  BindInterface eth7\n{block(sshd, tmp_path, 'KnownHostsCommand /bin/keys')}")
    (tmp_path / "inventory.yaml").write_text("hosts: [box, far]\n")
    ran = fleetctl("run", "-i", tmp_path / "inventory.yaml", "-F", config, "-t", "box", "true")
    assert ran.exit_code == 0
    warnings = [line for line in ran.stderr.splitlines() if "warning" in line]
    told = "KnownHostsCommand: fleetctl does not ask a command for host keys: known_hosts files alone count"
    assert warnings == [f"fleetctl: warning: {config}:11: {told}"]


def test_a_host_key_that_is_not_wanted_kept_is_accepted_each_time(
    fleetctl: Fleetctl, sshd: Sshd, config: Path, tmp_path: Path
) -> None:
    text = block(sshd, tmp_path).replace("StrictHostKeyChecking yes", "StrictHostKeyChecking no")
    config.write_text(text.replace(str(tmp_path / "known_hosts"), "/dev/null"))
    before = os.stat("/dev/null").st_rdev  # noqa: PTH116
    for _ in range(2):
        ran = fleetctl("run", "-F", config, "-H", "box", "true")
        assert ran.exit_code == 0, ran.stderr
        assert "StrictHostKeyChecking: fleetctl takes it for accept-new" in ran.stderr
    assert os.stat("/dev/null").st_rdev == before  # noqa: PTH116


def test_show_says_which_one_won(fleetctl: Fleetctl, sshd: Sshd, config: Path, tmp_path: Path) -> None:
    (tmp_path / "inventory.yaml").write_text("hosts: {box: {port: 7}}\n")
    ran = fleetctl("inventory", "show", "box", "-i", tmp_path / "inventory.yaml", "-F", config)
    rows = {words[0]: words[1:] for line in ran.stdout.splitlines() if (words := line.split())}
    assert rows["address"] == [ADDRESS, f"{config}:2", "ssh_config"]
    assert rows["port"] == ["7", f"{tmp_path}/inventory.yaml:1", "host", "box"]
    assert fleetctl("inventory", "show", "box", "-i", tmp_path / "inventory.yaml", "-F", "nowhere").exit_code == 2


def test_trust_reaches_an_alias_and_tells_how_to_do_it_again(
    fleetctl: Fleetctl, sshd: Sshd, config: Path, tmp_path: Path
) -> None:
    (tmp_path / "known_hosts").unlink(missing_ok=True)
    ran = fleetctl("run", "-F", config, "-H", "box", "true")
    assert ran.exit_code == 3
    told = ran.stderr.split("then: fleetctl ")[1].strip()
    assert told == f"trust -F {config} -H box box"
    assert fleetctl(*told.split(), "--yes").exit_code == 0
    assert fleetctl("run", "-F", config, "-H", "box", "true").exit_code == 0


def test_a_bastion_of_ssh_config_leads_to_the_host_behind_it(
    fleetctl: Fleetctl, start_sshd: SshdStarter, tmp_path: Path
) -> None:
    bastion, target = start_sshd(), start_sshd()
    known = tmp_path / "known_hosts"
    known.write_text(
        "".join(
            f"[127.0.1.{number}]:{server.port} {server.host_keys.public('ed25519')}\n"
            for number, server in ((1, bastion), (2, target))
        )
    )
    (tmp_path / "cfg").write_text(
        f"Host door\n HostName 127.0.1.1\n Port {bastion.port}\n"
        f"Host box\n HostName 127.0.1.2\n Port {target.port}\n"
        f"Host *\n ProxyJump door\n User {target.user}\n IdentityFile {target.key()}\n UserKnownHostsFile {known}\n"
    )
    ran = fleetctl("run", "-F", tmp_path / "cfg", "-H", "box", "-H", "door", "-o", "json", "echo hi")
    assert ran.exit_code == 0, ran.stderr
    assert bastion.log.count("Accepted publickey") == 2  # as a bastion, and as a host of its own
    assert target.log.count("Accepted publickey") == 1


def test_a_proxy_command_of_ssh_config_is_the_connection(
    fleetctl: Fleetctl, sshd: Sshd, config: Path, tmp_path: Path
) -> None:
    relay = tmp_path / "relay.py"
    relay.write_text(
        "import socket, sys, threading, os\n"
        "far = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n"
        "def back():\n"
        "    while data := far.recv(65536): os.write(1, data)\n"
        "    os._exit(0)\n"
        "threading.Thread(target=back, daemon=True).start()\n"
        "while data := os.read(0, 65536): far.sendall(data)\n"
    )
    config.write_text(block(sshd, tmp_path, f"ProxyCommand {sys.executable} {relay} %h %p # %%"))
    ran = fleetctl("run", "-F", config, "-H", "box", "echo hi")
    assert ran.exit_code == 0, ran.stderr


def test_algorithms_of_ssh_config_are_those_offered(
    fleetctl: Fleetctl, start_sshd: SshdStarter, tmp_path: Path
) -> None:
    server = start_sshd("Ciphers aes256-ctr")
    (tmp_path / "cfg").write_text(block(server, tmp_path, "Ciphers aes256-ctr"))
    assert fleetctl("run", "-F", tmp_path / "cfg", "-H", "box", "true").exit_code == 0
    (tmp_path / "cfg").write_text(block(server, tmp_path, "Ciphers -aes256-ctr"))
    ran = fleetctl("run", "-F", tmp_path / "cfg", "-H", "box", "true")
    assert ran.exit_code == 3
    assert "unreachable" in ran.stderr


def test_variables_are_asked_for_and_set_where_the_server_takes_them(
    fleetctl: Fleetctl, start_sshd: SshdStarter, tmp_path: Path
) -> None:
    server = start_sshd("AcceptEnv COLOUR TASTE")
    config = tmp_path / "config"
    config.write_text(block(server, tmp_path, "SetEnv COLOUR=blue", "SendEnv TASTE SMELL"))
    line = 'echo "$COLOUR/$TASTE/$SMELL"'
    ran = fleetctl("run", "-F", config, "-H", "box", "-N", line, env={"TASTE": "sweet", "SMELL": "none"})
    assert ran.stdout == "blue/sweet/\n", ran.stderr
    ran = fleetctl("ssh", "-F", config, "box", line, env={"TASTE": "sweet"})
    assert ran.stdout == "blue/sweet/\n", ran.stderr
