"""The vault: a file in the age format that holds secrets by name, names and all, and who it is locked to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from fleetctl.asking import Ask, ask_passphrase
from fleetctl.errors import SecretError, UsageError
from fleetctl.inventory.secrets import age, private_file
from fleetctl.inventory.secrets.key_files import public_half
from fleetctl.inventory.secrets.vault_keys import open_key
from fleetctl.inventory.secrets.vault_place import VaultPlace
from fleetctl.model import Secret

_WRITABLE = 0o022
_LONGEST_NAME = 200
_IN_NAMES = re.compile(r"[\w./@+:-]+")


class Lock(msgspec.Struct, frozen=True):
    """What a vault is locked with: the public keys of those who can open it, or a passphrase."""

    publics: tuple[str, ...] = ()
    passphrase: Secret | None = None


class _Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is sealed in the file. Without public keys it is locked with a passphrase."""

    publics: tuple[str, ...]
    secrets: dict[str, Secret]


class _Opened(msgspec.Struct, frozen=True):
    """A vault as it was read, and what opened it."""

    sealed: bytes
    content: _Content
    passphrase: Secret | None
    unseal: Callable[[bytes], bytes | None]


class Vault:
    """Opened when it is first needed, and once: whatever has to be typed is asked for then. Not thread-safe.

    Args:
        ask: asks a person for a passphrase; None where nobody can be asked.
    """

    def __init__(self, place: VaultPlace, ask: Ask | None) -> None:
        self.path = place.path
        self._keys = place.keys
        self._ask = ask
        self._opened_once: _Opened | SecretError | None = None

    @property
    def exists(self) -> bool:
        return self.path.exists()

    def secrets(self) -> dict[str, Secret]:
        """All of them, by name. Raises: SecretError when it cannot be opened, as everything here does."""
        return dict(sorted(self._opened().content.secrets.items()))

    def secret(self, name: str) -> Secret:
        """Raises: SecretError also when it holds no such secret."""
        found = self._opened().content.secrets.get(name)
        if found is None:
            hint = f"`fleetctl secret set {name}` puts it there, `fleetctl secret list` lists what there is"
            raise SecretError(f"{name} is not in the vault {self.path}", hint=hint)
        return found

    def make(self, lock: Lock, secrets: Mapping[str, Secret]) -> bool:
        """A new vault; False when there is one by now, which is left as it is."""
        _check_names(secrets)
        with private_file.one_writer(self.path):
            if self.exists:
                return False
            self._write(_Content(lock.publics, dict(secrets)), lock.passphrase)
            return True

    def change(self, changes: Mapping[str, Secret | None]) -> None:
        """Set secrets, or take out those that are None; what others have changed since it was opened stays.

        Raises: UsageError for a name that cannot be one.
        """
        _check_names(changes)
        self._rewrite(lambda content: _changed(content, changes), None)

    def lock_with(self, lock: Lock) -> None:
        """Seal what is in it to others, or with another passphrase."""
        self._rewrite(lambda content: _Content(lock.publics, content.secrets), lock)

    def _rewrite(self, make: Callable[[_Content], _Content], lock: Lock | None) -> None:
        opened = self._opened()  # before others have to wait: somebody may have to type
        with private_file.one_writer(self.path):
            content = self._now(opened)
            self._write(make(content), opened.passphrase if lock is None else lock.passphrase)
        self._opened_once = None

    def _now(self, opened: _Opened) -> _Content:
        """What is in it by now: another writer may have been here since it was opened."""
        sealed = self._read()
        if sealed == opened.sealed:
            return opened.content
        with self._undamaged():
            data = opened.unseal(sealed)
            if data is None:
                raise SecretError(f"vault {self.path} was locked anew meanwhile", hint="run it again")
            return _parsed(data)

    def _write(self, content: _Content, passphrase: Secret | None) -> None:
        data = msgspec.json.encode(content, enc_hook=_revealed)
        sealed = age.seal(data, content.publics) if passphrase is None else age.seal_with(data, passphrase)
        private_file.write(self.path, sealed)

    def _read(self) -> bytes:
        return private_file.read(self.path, _WRITABLE, "can be written by others")

    def _opened(self) -> _Opened:
        if self._opened_once is None:
            try:
                self._opened_once = self._open()
            except SecretError as error:
                self._opened_once = error  # nobody is asked again and again
        if isinstance(self._opened_once, SecretError):
            raise self._opened_once
        return self._opened_once

    def _open(self) -> _Opened:
        if not self.exists:
            hint = "`fleetctl secret set NAME` makes it; --vault or $FLEETCTL_VAULT names another"
            raise SecretError(f"there is no vault {self.path}", hint=hint)
        sealed = self._read()
        with self._undamaged():
            locked = age.locked(sealed)
            return self._by_passphrase(sealed) if locked.by_passphrase else self._by_key(sealed, locked)

    @contextmanager
    def _undamaged(self) -> Iterator[None]:
        """Raises: SecretError in place of what tells nothing of the file."""
        try:
            yield
        except age.Damaged:
            raise SecretError(
                f"vault {self.path} is damaged, cut off, or no vault", hint="put a copy in its place, or name another"
            ) from None
        except age.Laborious:
            raise SecretError(
                f"this machine would take minutes to open vault {self.path}",
                hint="on a faster one, lock it to an SSH key: fleetctl secret init --recipient KEY.pub",
            ) from None

    def _by_passphrase(self, sealed: bytes) -> _Opened:
        if self._ask is None:
            raise SecretError(
                f"vault {self.path} is locked with a passphrase and nobody can be asked",
                hint="lock it to an SSH key: fleetctl secret init --recipient KEY.pub",
            )
        found = ask_passphrase(f"vault {self.path}", self._ask, lambda typed: _unsealed_with(sealed, typed))
        if found is None:
            raise SecretError(f"wrong passphrase for vault {self.path}", hint="run it again with the right one")
        data, passphrase = found
        return _Opened(sealed, _parsed(data), passphrase, lambda other: age.unseal_with(other, passphrase))

    def _by_key(self, sealed: bytes, locked: age.Locked) -> _Opened:
        fitting = _fitting(self._keys, locked.tags)
        if not fitting:
            tried = ", ".join(map(str, self._keys)) or "there is none in ~/.ssh"
            raise SecretError(
                f"none of your keys opens vault {self.path}: {tried}",
                hint="name the key with --vault-key or $FLEETCTL_VAULT_KEY",
            )
        identity = open_key(fitting[0], self._ask)
        data = age.unseal(sealed, identity)
        if data is None:
            raise self._not_opened_by(fitting[0])
        return _Opened(sealed, _parsed(data), None, lambda other: age.unseal(other, identity))

    def _not_opened_by(self, key: Path) -> SecretError:
        hint = "name the key with --vault-key or $FLEETCTL_VAULT_KEY"
        return SecretError(f"key {key} does not open vault {self.path}", hint=hint)


def check_name(name: str) -> None:
    """Raises: UsageError when it cannot be a secret's name."""
    if len(name) > _LONGEST_NAME or name.startswith("-") or not _IN_NAMES.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be a secret's name", hint="use letters, digits and . _ - / @ + :, as in db/root"
        )


def _check_names(names: Iterable[str]) -> None:
    for name in names:
        check_name(name)


def _changed(content: _Content, changes: Mapping[str, Secret | None]) -> _Content:
    kept = {name: secret for name, secret in content.secrets.items() if name not in changes}
    given = {name: secret for name, secret in changes.items() if secret is not None}
    return _Content(content.publics, kept | given)


def _fitting(keys: Sequence[Path], tags: frozenset[str]) -> list[Path]:
    """Those of the keys that the vault may be locked to, the surest first."""
    publics = {key: public_half(key) for key in keys}
    sure = [key for key, public in publics.items() if public is not None and age.tag(public) in tags]
    return sure + [key for key, public in publics.items() if public is None]


def _unsealed_with(sealed: bytes, typed: Secret) -> tuple[bytes, Secret] | None:
    data = age.unseal_with(sealed, typed)
    return None if data is None else (data, typed)


def _parsed(data: bytes) -> _Content:
    """Raises: age.Damaged, which tells nothing of the data, as msgspec's own errors may."""
    try:
        return msgspec.json.decode(data, type=_Content, dec_hook=_hidden)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise age.Damaged from None


def _hidden(_kind: type, value: object) -> Secret:
    if not isinstance(value, str):
        raise TypeError
    return Secret(value)


def _revealed(secret: Secret) -> str:
    return secret.reveal()
