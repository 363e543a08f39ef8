"""Private key files: every kind is read, once per run, and what cannot be used says why."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from fleetctl.errors import KeyUnusable
from fleetctl.model import Secret
from fleetctl.ssh.login import keys as keys_module
from fleetctl.ssh.login.keys import KeyRing
from tests.support.keys import PASSPHRASE, KeySet


@pytest.mark.parametrize("name", ["rsa", "ed25519", "ecdsa", "rsa-pem"])
def test_every_kind_of_key_is_read(client_keys: KeySet, name: str) -> None:
    key = KeyRing().key(str(client_keys.path(name)), None)
    assert f"{key.get_name()} {key.get_base64()}" == client_keys.public(name)
    assert key.can_sign()


@pytest.mark.parametrize("name", ["rsa-encrypted", "ed25519-encrypted"])
def test_an_encrypted_key_is_read_with_its_passphrase(client_keys: KeySet, name: str) -> None:
    key = KeyRing().key(str(client_keys.path(name)), Secret(PASSPHRASE))
    assert f"{key.get_name()} {key.get_base64()}" == client_keys.public(name)


def test_a_passphrase_does_not_disturb_a_key_without_one(client_keys: KeySet) -> None:
    assert KeyRing().key(str(client_keys.path("rsa")), Secret(PASSPHRASE)).can_sign()


def test_a_missing_passphrase_is_told(client_keys: KeySet) -> None:
    with pytest.raises(KeyUnusable, match="encrypted and no passphrase") as caught:
        KeyRing().key(str(client_keys.path("rsa-encrypted")), None)
    assert "key_passphrase" in caught.value.hint


def test_a_wrong_passphrase_is_told_and_not_shown(client_keys: KeySet) -> None:
    with pytest.raises(KeyUnusable, match="wrong passphrase") as caught:
        KeyRing().key(str(client_keys.path("rsa-encrypted")), Secret("hunter2"))
    assert "hunter2" not in repr(caught.value.__dict__)


def test_a_file_that_is_no_key_is_told(tmp_path: Path) -> None:
    (tmp_path / "id").write_text("not a key")
    (tmp_path / "id").chmod(0o600)
    with pytest.raises(KeyUnusable, match="not a private key"):
        KeyRing().key(str(tmp_path / "id"), None)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable, match="No such file"):
        KeyRing().key(str(tmp_path / "id"), None)


def test_a_key_is_decoded_once_however_many_hosts_use_it(client_keys: KeySet, mocker: MockerFixture) -> None:
    load = mocker.spy(keys_module, "_load")
    ring = KeyRing()
    found = {id(ring.key(str(client_keys.path("rsa")), None)) for _ in range(50)}
    assert len(found) == 1
    assert load.call_count == 1


def test_a_key_that_cannot_be_used_is_looked_at_once(tmp_path: Path, mocker: MockerFixture) -> None:
    load = mocker.spy(keys_module, "_load")
    ring = KeyRing()
    for _ in range(3):
        with pytest.raises(KeyUnusable):
            ring.key(str(tmp_path / "id"), None)
    assert load.call_count == 1
