"""Ways in and what is said when there is none: keys of every kind, passwords, passphrases."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.account import Account
from tests.support.agents import unwilling_agent
from tests.support.fleetctl import Fleetctl
from tests.support.keys import PASSPHRASE
from tests.support.secrecy import secret
from tests.support.sshd import Sshd, SshdStarter

WRONG = secret("wrong password")


@pytest.mark.parametrize("name", ["rsa", "ed25519", "ecdsa", "rsa-pem"])
def test_keys_of_every_kind_log_in(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, name: str) -> None:
    inventory = sshd.inventory(tmp_path, 3, keys=[str(sshd.key(name))])
    assert fleetctl("run", "-i", inventory, "true").exit_code == 0


@pytest.mark.parametrize("name", ["rsa-encrypted", "ed25519-encrypted"])
def test_an_encrypted_key_takes_its_passphrase_from_the_environment(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, name: str
) -> None:
    inventory = sshd.inventory(tmp_path, 3, keys=[str(sshd.key(name))], key_passphrase={"env": "PHRASE"})
    assert fleetctl("run", "-i", inventory, "true", env={"PHRASE": PASSPHRASE}).exit_code == 0


def test_a_wrong_passphrase_is_told_for_what_it_is(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> None:
    inventory = sshd.inventory(tmp_path, 2, keys=[str(sshd.key("rsa-encrypted"))], key_passphrase=WRONG)
    ran = fleetctl("run", "-i", inventory, "true")
    assert ran.exit_code == 3
    assert "wrong passphrase" in ran.stderr
    assert WRONG not in ran.stderr


def test_a_key_that_cannot_be_read_is_told(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> None:
    inventory = sshd.inventory(tmp_path, 2, keys=[str(tmp_path / "nowhere")])
    ran = fleetctl("run", "-i", inventory, "true")
    assert ran.exit_code == 3
    assert "cannot read key" in ran.stderr


def test_a_denied_login_lists_what_was_offered_and_what_is_allowed(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path
) -> None:
    inventory = sshd.inventory(tmp_path, 2, keys=[str(sshd.key("stranger"))])
    ran = fleetctl("run", "-i", inventory, "-o", "json", "true")
    assert ran.exit_code == 3
    for host in ran.json["hosts"]:
        assert host["status"] == "denied"
        facts = host["error"]["facts"]
        assert "stranger" in facts["offered"][0]
        assert "publickey" in facts["allowed"]


@pytest.fixture
def agent(sshd: Sshd, tmp_path: Path) -> Iterator[dict[str, str]]:
    """An ssh-agent that holds a key no server knows and one that all know. Yields: the variables that lead to it."""
    where = {"SSH_AUTH_SOCK": str(tmp_path / "agent")}
    process = subprocess.Popen(["ssh-agent", "-D", "-a", where["SSH_AUTH_SOCK"]], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    for name in ("stranger", "ed25519"):
        subprocess.run(["ssh-add", "-q", sshd.key(name)], env=os.environ | where, check=True, timeout=20)
    yield where
    process.terminate()
    process.wait(20)
    process.stdout.close()


def test_keys_of_an_agent_log_in_where_it_is_enabled(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, agent: dict[str, str]
) -> None:
    inventory = sshd.inventory(tmp_path, 10, keys=[], agent=True)
    assert fleetctl("run", "-i", inventory, "true", env=agent).exit_code == 0
    assert fleetctl("run", "-i", inventory, "true").exit_code == 3
    inventory = sshd.inventory(tmp_path, 2, keys=[], agent=False)
    ran = fleetctl("run", "-i", inventory, "true", env=agent)
    assert ran.exit_code == 3
    assert "offered nothing" in ran.stderr


def test_a_password_logs_in(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, password_login: Account) -> None:
    inventory = sshd.inventory(tmp_path, 3, keys=[], password={"env": "LOGIN"})
    assert fleetctl("run", "-i", inventory, "true", env={"LOGIN": password_login.password}).exit_code == 0


def test_a_password_is_asked_for_once_for_all_hosts(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, password_login: Account
) -> None:
    inventory = sshd.inventory(tmp_path, 5, keys=[])
    with fleetctl.on_terminal("run", "-k", "-i", inventory, "-o", "table", "echo hi") as running:
        running.wait_for("Password")
        running.type(f"{password_login.password}\n")
        ran = running.finish()
    assert ran.exit_code == 0, ran.stdout
    assert password_login.password not in ran.stdout
    assert ran.stdout.count("Password") == 1


def test_a_wrong_password_is_denied_and_tried_once_per_host(
    fleetctl: Fleetctl, start_sshd: SshdStarter, tmp_path: Path, password_login: Account
) -> None:
    server = start_sshd()
    inventory = server.inventory(tmp_path, 2, keys=[], password=WRONG)
    ran = fleetctl("run", "-i", inventory, "--auth-failures", "2", "true")
    assert ran.exit_code == 3
    assert "denied" in ran.stderr
    assert WRONG not in ran.stderr
    assert server.log.count(f"Failed password for {password_login.user}") == 2


def test_a_key_and_a_password_may_both_be_required(
    fleetctl: Fleetctl, start_sshd: SshdStarter, tmp_path: Path, password_login: Account
) -> None:
    server = start_sshd("AuthenticationMethods publickey,password")
    both = server.inventory(tmp_path, 2, password={"env": "LOGIN"})
    assert fleetctl("run", "-i", both, "true", env={"LOGIN": password_login.password}).exit_code == 0
    key_only = server.inventory(tmp_path, 2)
    ran = fleetctl("run", "-i", key_only, "-o", "json", "true")
    assert ran.exit_code == 3
    assert "more is required" in ran.json["hosts"][0]["error"]["message"]


def test_a_key_counts_though_the_password_is_required_first(
    fleetctl: Fleetctl, start_sshd: SshdStarter, tmp_path: Path, password_login: Account
) -> None:
    server = start_sshd("AuthenticationMethods password,publickey")
    inventory = server.inventory(tmp_path, 2, password={"env": "LOGIN"})
    ran = fleetctl("run", "-i", inventory, "true", env={"LOGIN": password_login.password})
    assert ran.exit_code == 0, ran.stderr


def test_a_server_that_hangs_up_over_keys_is_told_what_it_was_offered(
    fleetctl: Fleetctl, start_sshd: SshdStarter, tmp_path: Path
) -> None:
    server = start_sshd("MaxAuthTries 1")
    ran = fleetctl("run", "-i", server.inventory(tmp_path, 1, keys=[str(server.key("stranger"))]), "true")
    assert ran.exit_code == 3
    assert "offered key" in ran.stderr
    assert "it hung up: Too many authentication failures" in ran.stderr


def test_a_refused_password_is_called_that(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> None:
    ran = fleetctl("run", "-i", sshd.inventory(tmp_path, 1, keys=[], password=WRONG), "true")
    assert "→ the password was refused" in ran.stderr


def test_a_key_that_others_can_read_is_not_used(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(sshd.key().read_bytes())
    key.chmod(0o640)
    ran = fleetctl("run", "-i", sshd.inventory(tmp_path, 1, keys=[str(key)]), "true")
    assert ran.exit_code == 3
    assert f"→ chmod 600 {key}" in ran.stderr


@pytest.mark.parametrize("answers", [True, False], ids=["refuses", "keeps silent"])
def test_an_agent_that_does_not_sign_leaves_the_other_ways_to_log_in(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, password_login: Account, answers: bool
) -> None:
    inventory = sshd.inventory(tmp_path, 2, keys=[], agent=True, password={"env": "LOGIN"})
    public = sshd.keys.public("ed25519")
    with unwilling_agent(tmp_path / "agent", public, answers=answers) as where:
        variables = {**where, "LOGIN": password_login.password}
        ran = fleetctl("run", "-i", inventory, "--login-timeout", "6", "true", env=variables)
        assert ran.exit_code == 0, ran.stderr
        lonely = sshd.inventory(tmp_path, 2, keys=[], agent=True)
        ran = fleetctl("run", "-i", lonely, "--login-timeout", "6", "true", env=where)
        assert ran.exit_code == 3
        assert "offered key of the agent" in ran.stderr


def test_a_key_in_a_file_and_in_the_agent_is_offered_once(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, agent: dict[str, str]
) -> None:
    inventory = sshd.inventory(tmp_path, 1, keys=[str(sshd.key("stranger"))], agent=True, user="nobody-here")
    ran = fleetctl("run", "-i", inventory, "-o", "json", "true", env=agent)
    (host,) = ran.json["hosts"]
    assert len(host["error"]["facts"]["offered"]) == 2  # the stranger's, and the other of the agent


def test_five_keys_at_most_are_offered(fleetctl: Fleetctl, start_sshd: SshdStarter, tmp_path: Path) -> None:
    server = start_sshd("MaxAuthTries 20")
    for number in range(7):
        path = tmp_path / f"key{number}"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True, timeout=20)
    inventory = server.inventory(tmp_path, 1, keys=[str(tmp_path / f"key{number}") for number in range(7)])
    (host,) = fleetctl("run", "-i", inventory, "-o", "json", "true").json["hosts"]
    assert len(host["error"]["facts"]["offered"]) == 5


def test_a_public_key_without_its_private_half_is_told_as_that(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> None:
    public = tmp_path / "stray.pub"
    public.write_text(sshd.keys.public("stranger"))
    ran = fleetctl("run", "-i", sshd.inventory(tmp_path, 1, keys=[str(public)]), "true")
    assert ran.exit_code == 3
    assert f"{public} is a public key, and no agent holds the private one" in ran.stderr
    assert "ssh-add" in ran.stderr
