"""Secrets on their way to a login: out of the vault and the keyring, and passphrases that are asked for once."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.account import Account
from tests.support.fleetctl import Fleetctl
from tests.support.keys import PASSPHRASE, KeySet
from tests.support.secrecy import secret
from tests.support.sshd import Sshd

WRONG = secret("wrong password")
OTHER = secret("passphrase of the other key")

ROOT = Path(__file__).parents[2]


@pytest.fixture
def vault(fleetctl: Fleetctl, client_keys: KeySet, password_login: Account) -> Path:
    """The user's own vault, locked to a key of theirs, with the password of the test user in it as `web`."""
    (fleetctl.home / ".ssh").mkdir(mode=0o700)
    shutil.copy(client_keys.path("stranger"), fleetctl.home / ".ssh" / "id_ed25519")
    assert fleetctl("secret", "set", "web", stdin=password_login.password).exit_code == 0
    return fleetctl.home / ".config" / "fleetctl" / "vault.age"


def by_password(sshd: Sshd, directory: Path, password: object) -> Path:
    return sshd.inventory(directory, 5, keys=[], agent=False, password=password)


def test_a_password_out_of_the_vault_logs_in(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, vault: Path) -> None:
    ran = fleetctl("run", "-vv", "-i", by_password(sshd, tmp_path, {"vault": "web"}), "true")
    assert ran.exit_code == 0
    assert sshd.password not in ran.stdout + ran.stderr


def test_a_vault_elsewhere_is_named_on_the_command_line(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, vault: Path
) -> None:
    moved, key = vault.rename(tmp_path / "other.age"), (fleetctl.home / ".ssh" / "id_ed25519").rename(tmp_path / "id")
    inventory = by_password(sshd, tmp_path, {"vault": "web"})
    assert "there is no vault" in fleetctl("run", "-i", inventory, "true").stderr
    assert fleetctl("run", "-i", inventory, "--vault", moved, "--vault-key", key, "true").exit_code == 0


def test_a_vault_that_cannot_be_used_stops_the_run_before_any_connection(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, vault: Path
) -> None:
    inventory = by_password(sshd, tmp_path, {"vault": "web"})
    key = fleetctl.home / ".ssh" / "id_ed25519"
    key.chmod(0o644)
    readable = fleetctl("run", "-i", inventory, "true")
    key.chmod(0o600)
    vault.write_bytes(vault.read_bytes()[:-1])
    cut = fleetctl("run", "-i", inventory, "true")
    for ran, said in ((readable, "can be read by others"), (cut, "is damaged, cut off, or no vault")):
        assert (ran.exit_code, ran.stdout) == (2, "")
        assert "h[001-005]: {vault: web}: " in ran.stderr
        assert said in ran.stderr


def test_a_password_out_of_the_keyring_logs_in(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, password_login: Account
) -> None:
    inventory = by_password(sshd, tmp_path, {"keyring": "fleet/deploy"})
    variables = {
        "PYTHON_KEYRING_BACKEND": "tests.support.keyring.OnePassword",
        "PYTHONPATH": str(ROOT),
        "KEYRING_FILE": str(tmp_path / "keyring"),
    }
    (tmp_path / "keyring").write_text(password_login.password)
    assert fleetctl("run", "-i", inventory, "true", env=variables).exit_code == 0


@pytest.mark.parametrize("name", ["rsa-encrypted", "ed25519-encrypted"])
def test_the_passphrase_of_a_key_is_asked_for_once_for_all_hosts(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, name: str
) -> None:
    inventory = sshd.inventory(tmp_path, 20, keys=[str(sshd.key(name))])
    with fleetctl.on_terminal("run", "-vv", "-i", inventory, "echo in") as running:
        running.wait_for(f"Passphrase for key {sshd.key(name)}: ")
        running.type(f"{PASSPHRASE}\n")
        ran = running.finish()
    assert ran.exit_code == 0
    assert ran.stdout.count("Passphrase for key") == 1
    assert PASSPHRASE not in ran.stdout


def test_each_of_several_keys_is_asked_for(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger"
    shutil.copy(sshd.key("stranger"), stranger)
    subprocess.run(
        ["ssh-keygen", "-q", "-p", "-f", stranger, "-N", OTHER],
        check=True,
        timeout=20,
        stdin=subprocess.DEVNULL,
    )
    inventory = sshd.inventory(tmp_path, 3, keys=[str(stranger), str(sshd.key("rsa-encrypted"))])
    with fleetctl.on_terminal("run", "-i", inventory, "true") as running:
        for key, typed in ((stranger, OTHER), (sshd.key("rsa-encrypted"), PASSPHRASE)):
            running.wait_for(f"Passphrase for key {key}: ")
            running.type(f"{typed}\n")
        assert running.finish().exit_code == 0


def test_a_passphrase_that_is_wrong_three_times_is_told_for_each_host(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path
) -> None:
    inventory = sshd.inventory(tmp_path, 2, keys=[str(sshd.key("ed25519-encrypted"))])
    with fleetctl.on_terminal("run", "-i", inventory, "-o", "json", "true") as running:
        for prompt in ("Passphrase for key", "Once more for key", "A last time for key"):
            running.wait_for(prompt)
            running.type(f"{WRONG}\n")
        ran = running.finish()
    assert ran.exit_code == 3
    assert ran.stdout.count("wrong passphrase for key") >= 2
    assert WRONG not in ran.stdout


def test_nothing_typed_leaves_the_key_out(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> None:
    inventory = sshd.inventory(tmp_path, 2, keys=[str(sshd.key("ed25519-encrypted"))])
    with fleetctl.on_terminal("run", "-i", inventory, "true") as running:
        running.wait_for("Passphrase for key")
        running.type("\n")
        ran = running.finish()
    assert ran.exit_code == 3
    assert "is encrypted and no passphrase is given" in ran.stdout


@pytest.mark.parametrize("before", ["rsa", "the agent"])
def test_a_key_that_need_not_be_opened_is_not_asked_for(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, agent: dict[str, str], before: str
) -> None:
    locked = str(sshd.key("ed25519-encrypted"))
    keys = [locked] if before == "the agent" else [str(sshd.key(before)), locked]
    inventory = sshd.inventory(tmp_path, 2, keys=keys, agent=before == "the agent")
    with fleetctl.on_terminal("run", "-i", inventory, "true", env=agent) as running:
        ran = running.finish()
    assert ran.exit_code == 0
    assert "Passphrase" not in ran.stdout


@pytest.fixture
def agent(sshd: Sshd, tmp_path: Path) -> Iterator[dict[str, str]]:
    """An ssh-agent that holds the key `ed25519`. Yields: the variable that leads to it."""
    where = {"SSH_AUTH_SOCK": str(tmp_path / "agent")}
    with subprocess.Popen(["ssh-agent", "-D", "-a", where["SSH_AUTH_SOCK"]], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        subprocess.run(["ssh-add", "-q", sshd.key("ed25519")], env=os.environ | where, check=True, timeout=20)
        yield where
        process.terminate()
        process.wait(20)


def test_one_key_for_the_vault_and_the_login_is_asked_for_once(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> None:
    key = sshd.key("ed25519-encrypted")
    vault = tmp_path / "vault.age"
    assert fleetctl("secret", "init", "--vault", vault, "-r", f"{key}.pub").exit_code == 0
    plain: list[str | Path] = ["--vault", vault, "--vault-key", sshd.key("ed25519")]
    assert fleetctl("secret", "set", "root", *plain, stdin=WRONG).exit_code == 0
    inventory = sshd.inventory(tmp_path, 2, keys=[str(key)], sudo_password={"vault": "root"}, sudo=True)
    with fleetctl.on_terminal("run", "-i", inventory, "--vault", vault, "--vault-key", key, "true") as running:
        running.wait_for("Passphrase for key")
        running.type(f"{PASSPHRASE}\n")
        ran = running.finish()
    assert ran.stdout.count("Passphrase for key") == 1
    assert WRONG not in ran.stdout


def test_a_command_that_fails_shows_its_stderr_and_never_its_stdout(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path
) -> None:
    told = "echo hunter2; printf 'store is \\033[31mlocked\\n' >&2; exit 4"
    inventory = by_password(sshd, tmp_path, {"command": ["sh", "-c", told.replace("hunter2", "$(cat secret)")]})
    (tmp_path / "secret").write_text("hunter2")
    ran = fleetctl("run", "-vv", "-i", inventory, "true")
    assert ran.exit_code == 2
    assert "exit code 4: store is " in ran.stderr
    assert "\x1b" not in ran.stderr
    assert "hunter2" not in ran.stderr + ran.stdout
