"""The vault: what is put in comes out again for whoever may open it, and for nobody else, whatever befalls the file."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyrage
import pytest

from fleetctl.errors import SecretError, UsageError
from fleetctl.inventory import VaultPlace
from fleetctl.inventory.secrets import age, private_file
from fleetctl.inventory.secrets.key_files import public_half
from fleetctl.inventory.secrets.vault import Lock, Vault
from fleetctl.inventory.secrets.vault_keys import open_key, read_public
from fleetctl.model import Secret
from tests.support.keys import PASSPHRASE, KeySet
from tests.support.secrecy import keep

VALUE = keep("value in the vault", "hunter2-and-more")
NAME = "db/root"

Open = Callable[..., Vault]


def nobody(prompt: str) -> Secret:
    raise AssertionError(f"asked: {prompt}")


class Typist:
    """Types these one after another, and remembers what was asked."""

    def __init__(self, *answers: str) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, prompt: str) -> Secret:
        self.asked.append(prompt)
        return Secret(self._answers.pop(0))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "vault.age"


@pytest.fixture
def opened(path: Path, client_keys: KeySet) -> Open:
    """The vault with one of the keys, as a process of its own would open it."""

    def opened(key: str = "ed25519", ask: Callable[[str], Secret] | None = nobody) -> Vault:
        return Vault(VaultPlace(path, client_keys.path(key)), ask)

    return opened


@pytest.fixture
def filled(opened: Open, client_keys: KeySet) -> Vault:
    vault = opened()
    assert vault.make(Lock((client_keys.public("ed25519"),)), {NAME: Secret(VALUE)})
    return opened()


@pytest.fixture(scope="module")
def by_passphrase() -> bytes:
    """A vault locked with PASSPHRASE; making and opening one takes a second or two, as it should."""
    return age.seal_with(b'{"publics":[],"secrets":{"db/root":"hunter2-and-more"}}', Secret(PASSPHRASE))


def put(path: Path, data: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(data)


@pytest.mark.parametrize("key", ["ed25519", "rsa", "rsa-pem"])
def test_each_key_that_it_is_locked_to_opens_it(opened: Open, client_keys: KeySet, key: str) -> None:
    opened().make(Lock((client_keys.public("rsa"), client_keys.public("ed25519"))), {NAME: Secret(VALUE)})
    assert opened(key).secret(NAME) == Secret(VALUE)


def test_neither_names_nor_values_stand_in_the_file(filled: Vault, path: Path) -> None:
    data = path.read_bytes()
    assert NAME.encode() not in data
    assert VALUE.encode() not in data
    assert VALUE not in repr(filled.secrets())


def test_file_and_directory_are_for_their_owner_alone(filled: Vault, path: Path) -> None:
    for number in range(2):
        filled.change({f"n{number}": Secret(VALUE)})
        assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_secrets_are_added_replaced_and_taken_out(filled: Vault, opened: Open) -> None:
    filled.change({"web": Secret("one"), "mail": Secret("two\nlines")})
    opened().change({"web": Secret("other"), NAME: None})
    assert opened().secrets() == {"mail": Secret("two\nlines"), "web": Secret("other")}


def test_a_secret_that_is_not_there_is_told_without_the_names_of_others(filled: Vault) -> None:
    with pytest.raises(SecretError, match="web is not in the vault") as raised:
        filled.secret("web")
    assert NAME not in f"{raised.value.message}{raised.value.hint}"


@pytest.mark.parametrize("name", ["", "a b", "a\nb", "-x", "a\x1b[2J", "x" * 201, "a=b"])
def test_a_name_that_nobody_could_write_in_a_reference_is_refused(filled: Vault, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be a secret's name"):
        filled.change({name: Secret(VALUE)})


def test_without_a_vault_it_is_said_how_to_get_one(opened: Open) -> None:
    with pytest.raises(SecretError, match="there is no vault") as raised:
        opened().secret(NAME)
    assert "fleetctl secret set" in raised.value.hint


def test_a_vault_that_is_there_is_not_made_again(filled: Vault, opened: Open, client_keys: KeySet) -> None:
    assert not opened().make(Lock((client_keys.public("ed25519"),)), {})
    assert opened().secret(NAME) == Secret(VALUE)


def test_cut_off_at_any_length_it_is_told_to_be_damaged(filled: Vault, opened: Open, path: Path) -> None:
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(SecretError, match="is damaged, cut off, or no vault") as raised:
            opened().secret(NAME)
        assert raised.value.hint


def test_with_any_byte_changed_it_does_not_open(filled: Vault, opened: Open, path: Path) -> None:
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(SecretError) as raised:
            opened().secret(NAME)
        assert VALUE not in f"{raised.value}"


@pytest.mark.parametrize(
    "content",
    [
        b"", b"hunter2-and-more", b'{"secrets": {"a": "hunter2-and-more"}}',
        b'{"publics": [], "secrets": {"a": 31415926}}',
        b'{"publics": [], "secrets": {"hunter2-and-more": {}}}', b"\xff\xfehunter2-and-more", b'"' + b"x" * 3000,
    ],
)  # fmt: skip
def test_what_somebody_else_has_sealed_is_not_shown(
    opened: Open, path: Path, client_keys: KeySet, content: bytes
) -> None:
    put(path, age.seal(content, [client_keys.public("ed25519")]))
    with pytest.raises(SecretError, match="is damaged, cut off, or no vault") as raised:
        opened().secret("a")
    assert "hunter2" not in f"{raised.value}{raised.value.__cause__}"
    assert "31415926" not in f"{raised.value}{raised.value.__cause__}"


def test_a_key_that_it_is_not_locked_to_is_told(filled: Vault, opened: Open) -> None:
    for key in ("stranger", "rsa"):
        with pytest.raises(SecretError, match="none of your keys opens vault") as raised:
            opened(key).secret(NAME)
        assert "--vault-key" in raised.value.hint


def test_without_any_key_it_is_told(filled: Vault, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(SecretError, match=r"there is none in ~/\.ssh"):
        Vault(VaultPlace(path), nobody).secret(NAME)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_key_that_others_can_read_does_not_open_it(
    filled: Vault, path: Path, tmp_path: Path, client_keys: KeySet, mode: int
) -> None:
    key = tmp_path / "id"
    key.write_bytes(client_keys.path("ed25519").read_bytes())
    key.chmod(mode)
    with pytest.raises(SecretError, match="id can be read by others") as raised:
        Vault(VaultPlace(path, key), nobody).secret(NAME)
    assert raised.value.hint == f"chmod 600 {key}"


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_vault_that_others_can_write_is_refused(filled: Vault, path: Path, mode: int) -> None:
    path.chmod(mode)
    with pytest.raises(SecretError, match=r"vault\.age can be written by others"):
        filled.secret(NAME)


def test_a_vault_of_another_user_is_refused(filled: Vault, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    if owner == 0:  # what belongs to root is trusted
        os.chown(path, 12345, 12345)
    with pytest.raises(SecretError, match="belongs to another user"):
        filled.secret(NAME)


def test_what_is_no_file_is_told(opened: Open, path: Path) -> None:
    path.parent.mkdir()
    os.mkfifo(path)
    with pytest.raises(SecretError, match="is no file"):
        opened().secret(NAME)


@pytest.mark.parametrize("key", ["ed25519-encrypted", "rsa-encrypted"])
def test_the_passphrase_of_an_encrypted_key_is_asked_for_once(opened: Open, client_keys: KeySet, key: str) -> None:
    public = client_keys.public(key.removesuffix("-encrypted"))
    opened().make(Lock((public,)), {NAME: Secret(VALUE), "web": Secret("x")})
    typist = Typist(PASSPHRASE)
    vault = opened(key, typist)
    assert vault.secret(NAME) == Secret(VALUE)
    assert vault.secret("web") == Secret("x")
    vault.change({"web": None})
    assert typist.asked == [f"Passphrase for key {client_keys.path(key)}: "]


def test_a_wrong_passphrase_of_a_key_is_asked_for_again_twice(filled: Vault, opened: Open) -> None:
    typist = Typist("wrong horse", "wronger horse", "wrongest horse")
    vault = opened("ed25519-encrypted", typist)
    for _ in range(2):
        with pytest.raises(SecretError, match="wrong passphrase for key") as raised:
            vault.secret(NAME)
        assert "horse" not in f"{raised.value}"
    assert [asked.split(".")[0] for asked in typist.asked[1:]] == ["Wrong passphrase"] * 2


def test_nobody_there_to_type_is_told(filled: Vault, opened: Open) -> None:
    with pytest.raises(SecretError, match="is encrypted and nobody can be asked"):
        opened("ed25519-encrypted", None).secret(NAME)


def test_a_passphrase_opens_it_and_is_asked_for_once(opened: Open, path: Path, by_passphrase: bytes) -> None:
    put(path, by_passphrase)
    typist = Typist("wrong horse", PASSPHRASE)
    vault = opened(ask=typist)
    assert vault.secrets() == {NAME: Secret(VALUE)}
    assert typist.asked == [f"Passphrase for vault {path}: ", f"Wrong passphrase. Once more for vault {path}: "]
    vault.change({NAME: Secret("new")})
    assert opened(ask=Typist(PASSPHRASE)).secrets() == {NAME: Secret("new")}


def test_three_wrong_passphrases_are_told_and_not_shown(opened: Open, path: Path, by_passphrase: bytes) -> None:
    put(path, by_passphrase)
    vault = opened(ask=Typist("wrong horse", "wronger horse", "wrongest horse"))
    for _ in range(2):
        with pytest.raises(SecretError, match="wrong passphrase for vault") as raised:
            vault.secret(NAME)
    assert "horse" not in f"{raised.value}{raised.value.hint}"


def test_without_a_person_a_passphrase_cannot_be_had(opened: Open, path: Path, by_passphrase: bytes) -> None:
    put(path, by_passphrase)
    with pytest.raises(SecretError, match="locked with a passphrase and nobody can be asked"):
        opened(ask=None).secret(NAME)


def test_a_vault_with_a_passphrase_that_is_cut_off_is_told_to_be_damaged(
    opened: Open, path: Path, by_passphrase: bytes
) -> None:
    head = by_passphrase.index(b"\n--- ") + len(b"\n--- ")
    for length in (*range(head), head + 10, len(by_passphrase) - 1):
        put(path, by_passphrase[:length])
        with pytest.raises(SecretError, match="is damaged, cut off, or no vault"):
            opened(ask=Typist(PASSPHRASE)).secret(NAME)


def test_a_busy_machine_is_measured_again(
    opened: Open, path: Path, by_passphrase: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(path, by_passphrase)
    refusals = iter(range(3))
    decrypt = pyrage.passphrase.decrypt

    def busy(sealed: bytes, passphrase: str) -> bytes:
        if next(refusals, None) is not None:
            raise pyrage.DecryptError("Excessive work parameter for passphrase.")
        return bytes(decrypt(sealed, passphrase))

    monkeypatch.setattr(pyrage.passphrase, "decrypt", busy)
    assert opened(ask=Typist(PASSPHRASE)).secret(NAME) == Secret(VALUE)


def test_a_vault_that_would_take_too_much_work_is_told(opened: Open, path: Path, by_passphrase: bytes) -> None:
    work = b" %d\n" % age.locked(by_passphrase).work
    put(path, by_passphrase.replace(work, b" 40\n", 1))
    with pytest.raises(SecretError, match="would take minutes to open"):
        opened(ask=Typist(PASSPHRASE)).secret(NAME)


def test_a_passphrase_is_never_cheap_to_guess(by_passphrase: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    made = iter([by_passphrase.replace(b" %d\n" % age.locked(by_passphrase).work, b" 12\n", 1), by_passphrase])
    monkeypatch.setattr(pyrage.passphrase, "encrypt", lambda data, passphrase: next(made))
    assert age.seal_with(b"", Secret(PASSPHRASE)) == by_passphrase


def test_it_can_be_locked_to_others(filled: Vault, opened: Open, client_keys: KeySet) -> None:
    filled.lock_with(Lock((client_keys.public("rsa"),)))
    assert opened("rsa").secret(NAME) == Secret(VALUE)
    with pytest.raises(SecretError, match="none of your keys"):
        opened().secret(NAME)


def test_it_stays_locked_to_all_when_one_of_them_writes(opened: Open, client_keys: KeySet) -> None:
    opened().make(Lock((client_keys.public("rsa"), client_keys.public("ed25519"))), {NAME: Secret(VALUE)})
    opened("rsa").change({"web": Secret("x")})
    assert opened("ed25519").secret("web") == Secret("x")


def test_what_another_writes_between_opening_and_writing_is_kept(filled: Vault, opened: Open) -> None:
    first, second = opened(), opened()
    assert first.secrets() == second.secrets()
    first.change({"one": Secret("1")})
    second.change({"two": Secret("2"), NAME: None})
    assert opened().secrets() == {"one": Secret("1"), "two": Secret("2")}


def test_a_vault_that_is_locked_anew_under_a_writer_is_left_alone(
    filled: Vault, opened: Open, client_keys: KeySet
) -> None:
    writer = opened()
    writer.secrets()
    filled.lock_with(Lock((client_keys.public("rsa"),)))
    with pytest.raises(SecretError, match="locked anew meanwhile"):
        writer.change({"one": Secret("1")})
    assert opened("rsa").secrets() == {NAME: Secret(VALUE)}


def test_many_writers_at_once_lose_nothing(filled: Vault, opened: Open) -> None:
    def write(number: int) -> None:
        opened().change({f"n{number}": Secret(f"v{number}")})

    with ThreadPoolExecutor(8) as workers:
        list(workers.map(write, range(40)))
    assert opened().secrets().keys() == {NAME, *(f"n{number}" for number in range(40))}


def test_a_writer_that_holds_on_for_ever_is_not_waited_for(
    filled: Vault, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_file, "_LOCK_SECONDS", 0.0)
    with private_file.one_writer(path), pytest.raises(SecretError, match="being written by another fleetctl"):
        filled.change({"one": Secret("1")})


def test_a_full_disk_leaves_the_old_vault_and_nothing_else(
    filled: Vault, opened: Open, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SecretError, match="No space left on device"):
        filled.change({"one": Secret("1")})
    assert opened().secrets() == {NAME: Secret(VALUE)}
    assert sorted(file.name for file in path.parent.iterdir()) == [".vault.age.lock", "vault.age"]


def test_a_link_is_followed_and_stays(filled: Vault, path: Path, tmp_path: Path, client_keys: KeySet) -> None:
    link = tmp_path / "link.age"
    link.symlink_to(path)
    place = VaultPlace(link, client_keys.path("ed25519"))
    Vault(place, nobody).change({"one": Secret("1")})
    assert link.is_symlink()
    assert Vault(place, nobody).secret("one") == Secret("1")


@pytest.mark.parametrize("name", ["ed25519", "rsa", "ecdsa", "ed25519-encrypted", "rsa-encrypted"])
def test_the_public_half_is_found_in_the_private_file_too(tmp_path: Path, client_keys: KeySet, name: str) -> None:
    alone = tmp_path / "id"
    alone.write_bytes(client_keys.path(name).read_bytes())
    assert public_half(alone) == public_half(client_keys.path(name)) == client_keys.public(name)


@pytest.mark.parametrize("public", ["", "junk", "ssh-ed25519", "ssh-ed25519 !!!", "ssh-ed25519 AAAA", "a\xffb AAAA"])
@pytest.mark.parametrize("head", [b"", b"openssh-key-v1\0", b"openssh-key-v1\0" + bytes(40), bytes(40)])
def test_files_that_hold_no_public_half_show_none(tmp_path: Path, public: str, head: bytes) -> None:
    armoured = b"-----BEGIN OPENSSH PRIVATE KEY-----\n%b\n-----END" % base64.b64encode(head)
    (tmp_path / "id").write_bytes(armoured)
    (tmp_path / "id.pub").write_text(public, encoding="latin-1")
    assert public_half(tmp_path / "id") is None


def test_an_old_key_file_alone_does_not_show_its_public_half_and_opens_all_the_same(
    tmp_path: Path, client_keys: KeySet, path: Path, opened: Open
) -> None:
    opened().make(Lock((client_keys.public("rsa"),)), {NAME: Secret(VALUE)})
    alone = tmp_path / "id"
    alone.touch(mode=0o600)
    alone.write_bytes(client_keys.path("rsa-pem").read_bytes())
    assert public_half(alone) is None
    assert Vault(VaultPlace(path, alone), nobody).secret(NAME) == Secret(VALUE)


@pytest.mark.parametrize("text", ["", "junk", "ssh-ed25519", "ssh-ed25519 !!!", "-----BEGIN OPENSSH PRIVATE KEY-----"])
def test_what_is_no_public_key_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "id.pub").write_text(text)
    with pytest.raises(SecretError, match=r"id\.pub"):
        read_public(tmp_path / "id.pub")


def test_a_kind_of_key_that_cannot_lock_it_is_told(client_keys: KeySet) -> None:
    with pytest.raises(SecretError, match="ecdsa-sha2-nistp256: no key that can lock a vault"):
        read_public(Path(f"{client_keys.path('ecdsa')}.pub"))
    with pytest.raises(SecretError, match="cannot use key"):
        open_key(client_keys.path("ecdsa"), None)


def test_a_key_file_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "id").touch(mode=0o600)
    with pytest.raises(SecretError, match="cannot use key"):
        open_key(tmp_path / "id", None)
