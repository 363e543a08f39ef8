"""What `fleetctl secret` does to the vault, and the questions it has."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from fleetctl.cli.prompts import ask_secret, confirm
from fleetctl.cli.talk import say, warn
from fleetctl.errors import SecretError, UsageError
from fleetctl.inventory.secrets.key_files import public_half
from fleetctl.inventory.secrets.vault import Lock, Vault, check_name
from fleetctl.inventory.secrets.vault_keys import read_public
from fleetctl.inventory.secrets.vault_place import VaultPlace, at_home
from fleetctl.model import Secret

_MOST_BYTES = 1_000_000


def open_vault(file: Path | None, key: Path | None) -> Vault:
    return Vault(VaultPlace(file, key), ask_secret)


def lock_vault(file: Path | None, key: Path | None, recipients: Sequence[Path], *, passphrase: bool) -> None:
    """Raises: UsageError, SecretError."""
    if recipients and passphrase:
        raise UsageError("--recipient and --passphrase exclude each other", hint="the age format has it so")
    vault = open_vault(file, key)
    place = VaultPlace(file, key)
    if vault.exists:
        if not recipients and not passphrase:
            hint = "say who opens it from now on: all their keys with --recipient, or --passphrase"
            raise UsageError(f"there is a vault {vault.path}", hint=hint)
        vault.secrets()  # whoever cannot open it is told so before they type a new passphrase
        lock, how = _lock(place, recipients, passphrase=passphrase)
        vault.lock_with(lock)
        say(f"locked {vault.path}, {how}")
    else:
        lock, how = _lock(place, recipients, passphrase=passphrase)
        if not vault.make(lock, {}):
            raise UsageError(f"{vault.path} was made by another fleetctl meanwhile", hint="run it again")
        say(f"made {vault.path}, {how}")
    if lock.publics and not {*map(public_half, place.keys)} & {*lock.publics}:
        warn("none of your own keys opens it")


def put_in(file: Path | None, key: Path | None, name: str, words: Sequence[str]) -> None:
    """Raises: UsageError, SecretError."""
    check_name(name)
    if words:
        raise UsageError(
            "a secret is never an argument: others see it in the list of processes, and your shell keeps it",
            hint=f"type it when asked, or pipe it: … | fleetctl secret set {name}; and choose another one",
        )
    vault = open_vault(file, key)
    if vault.exists:
        replaced = name in vault.secrets()
        vault.change({name: _new_secret(name)})
        say(f"{'replaced' if replaced else 'added'} {name}")
        return
    lock, how = _lock(VaultPlace(file, key), (), passphrase=False)
    secret = _new_secret(name)
    if vault.make(lock, {name: secret}):
        say(f"made {vault.path}, {how}")
    else:  # somebody else made it meanwhile
        vault.change({name: secret})
    say(f"added {name}")


def take_out(file: Path | None, key: Path | None, names: Sequence[str], *, yes: bool) -> None:
    """Raises: UsageError, SecretError."""
    vault = open_vault(file, key)
    for name in names:
        vault.secret(name)
    if not yes and not confirm(f"Remove {', '.join(names)} from the vault?"):
        raise UsageError("nothing was removed", hint="-y removes without a question")
    vault.change(dict.fromkeys(names))
    say(f"removed {', '.join(names)}")


def _new_secret(name: str) -> Secret:
    """From stdin when something is piped in, else typed twice. Raises: SecretError."""
    if not sys.stdin.isatty():
        return _piped()
    return _typed_twice(f"Secret for {name}: ", "The same again: ")


def _piped() -> Secret:
    data = sys.stdin.buffer.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise SecretError("what was piped in is longer than a million bytes", hint="is it the right file?")
    try:
        text = data.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise SecretError("what was piped in is not text", hint="a secret is text in UTF-8") from None
    if not text:
        raise SecretError("nothing was piped in", hint="run it on a terminal to type it, or pipe it in")
    return Secret(text)


def _typed_twice(prompt: str, again: str) -> Secret:
    typed = ask_secret(prompt)
    if ask_secret(again) != typed:
        raise SecretError("the two are not the same", hint="nothing was changed: run it again")
    return typed


def _lock(place: VaultPlace, recipients: Sequence[Path], *, passphrase: bool) -> tuple[Lock, str]:
    """What a vault is to be locked with, and how that is told."""
    if recipients:
        told = ", ".join(map(str, recipients))
        return Lock(tuple(map(read_public, map(at_home, recipients)))), f"which is opened by {told}"
    own = None if passphrase else _own_key(place)
    if own is not None:
        return Lock((own[1],)), f"which is opened by {own[0]}"
    typed = _typed_twice("New passphrase for the vault: ", "The same again: ")
    return Lock(passphrase=typed), "which is opened by the passphrase"


def _own_key(place: VaultPlace) -> tuple[Path, str] | None:
    """The first private key of ours that could open a vault, and its public half."""
    for key in place.keys:
        public = public_half(key)
        if public is not None and public.startswith(("ssh-ed25519 ", "ssh-rsa ")):
            return key, public
    return None
