"""The real server that other tests rest on: who gets in, where it answers, what it leaves behind."""

from __future__ import annotations

import os
import pwd
import subprocess
from contextlib import ExitStack
from pathlib import Path

import paramiko
import pytest
import yaml

from tests.support import processes
from tests.support.account import Account, local_account
from tests.support.keys import PASSPHRASE, KeySet
from tests.support.sshd import Sshd, SshdStarter


def log_in(server: Sshd, address: str = "127.0.1.1", **proof: str) -> paramiko.SSHClient:
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    try:
        client.connect(address, server.port, server.user, look_for_keys=False, allow_agent=False, timeout=20, **proof)  # type: ignore[arg-type]
    except BaseException:
        client.close()
        raise
    return client


def say(client: paramiko.SSHClient, command: str) -> str:
    _, out, _ = client.exec_command(command, timeout=20)
    return out.read().decode()


@pytest.mark.parametrize("name", ["rsa", "ed25519", "ecdsa", "rsa-pem"])
def test_every_kind_of_key_logs_in(sshd: Sshd, name: str) -> None:
    with log_in(sshd, key_filename=str(sshd.key(name))) as client:
        assert say(client, "id -un").strip() == sshd.user


@pytest.mark.parametrize("name", ["rsa-encrypted", "ed25519-encrypted"])
def test_an_encrypted_key_logs_in_with_its_passphrase(sshd: Sshd, name: str) -> None:
    with log_in(sshd, key_filename=str(sshd.key(name)), passphrase=PASSPHRASE) as client:
        assert say(client, "echo in") == "in\n"


def test_the_password_logs_in(sshd: Sshd, password_login: Account) -> None:
    with log_in(sshd, password=password_login.password) as client:
        assert say(client, "echo in") == "in\n"


def test_a_stranger_is_denied(sshd: Sshd) -> None:
    with pytest.raises(paramiko.AuthenticationException):
        log_in(sshd, key_filename=str(sshd.key("stranger")))


def test_ssh_trusts_every_host_of_the_known_hosts_file(sshd: Sshd, tmp_path: Path) -> None:
    addresses = sshd.addresses(250)
    known = sshd.known_hosts(tmp_path / "known_hosts", addresses)
    for address in (addresses[0], addresses[-1]):
        done = subprocess.run(
            ["ssh", "-F", "none", "-p", str(sshd.port), "-i", sshd.key("ed25519"), "-o", "BatchMode=yes",
             "-o", "StrictHostKeyChecking=yes", "-o", f"UserKnownHostsFile={known}",
             f"{sshd.user}@{address}", "echo in"],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (0, "in\n"), done.stderr


def test_the_addresses_go_on_in_the_next_block_after_250() -> None:
    server = Sshd(Account("u", "/"), 22, KeySet(Path()), KeySet(Path()), Path(), "")
    assert server.addresses(251)[-2:] == ["127.0.1.250", "127.0.2.1"]


def test_the_inventory_names_the_hosts_and_is_private(sshd: Sshd, tmp_path: Path) -> None:
    path = sshd.inventory(tmp_path, 3, connect_timeout=5, keys=None)
    assert path.stat().st_mode & 0o077 == 0
    inventory = yaml.safe_load(path.read_text())
    assert list(inventory["hosts"]) == ["h001", "h002", "h003"]
    assert inventory["hosts"]["h003"] == {"address": "127.0.1.3"}
    assert inventory["defaults"] == {
        "user": sshd.user, "port": sshd.port, "known_hosts": str(tmp_path / "known_hosts"), "connect_timeout": 5,
    }  # fmt: skip


def test_a_setting_given_to_one_server_wins(start_sshd: SshdStarter) -> None:
    server = start_sshd("MaxSessions 1")
    with log_in(server, key_filename=str(server.key("ed25519"))) as client:
        transport = client.get_transport()
        assert transport is not None
        first = transport.open_session(timeout=20)
        with pytest.raises(paramiko.ChannelException):
            transport.open_session(timeout=20)
        first.close()


def test_a_setting_that_sshd_does_not_know_is_told_in_its_own_words(start_sshd: SshdStarter) -> None:
    with pytest.raises(RuntimeError, match="Bad configuration option: Nonsense"):
        start_sshd("Nonsense yes")


def test_what_runs_in_a_session_ends_with_the_server(account: Account, client_keys: KeySet, host_keys: KeySet) -> None:
    with ExitStack() as stack:
        server = SshdStarter(account, client_keys, host_keys, stack)()
        with log_in(server, key_filename=str(server.key("ed25519"))) as client:
            _, out, _ = client.exec_command("setsid sh -c 'echo begun; sleep 1000; true' &", timeout=20)
            assert out.readline() == "begun\n"
        assert "sh -c echo begun; sleep 1000; true" in server.running()
        directory = server.directory
    assert server.running() == []
    assert not directory.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes users")
def test_the_user_made_for_the_tests_is_gone_afterwards_with_all_it_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 4_000_000_000 + os.getppid())
    with local_account() as account:
        uid = pwd.getpwnam(account.user).pw_uid
        left = subprocess.Popen(["sleep", "1000"], user=uid)
    left.wait(10)
    assert processes.owned_by(uid) == []
    assert not Path(account.home).exists()
    with pytest.raises(KeyError):
        pwd.getpwnam(account.user)
