"""References to secrets become secrets, each once per run; what commands say is fetched side by side."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from fleetctl.asking import Ask
from fleetctl.errors import SecretError
from fleetctl.inventory.levels import Given
from fleetctl.inventory.secrets import providers
from fleetctl.inventory.secrets.vault_place import VaultPlace
from fleetctl.inventory.types import SecretRef
from fleetctl.model import Secret

_COMMANDS_AT_ONCE = 8

Wish = tuple[SecretRef, Path]
"""A reference, and the file it stands in as far as that matters."""


class Resolver(Protocol):
    """Makes a secret of a setting that is one, or a reference to one."""

    def resolve(self, given: Given) -> Secret:
        """Raises: SecretError, naming the reference, never the secret."""
        ...


class _Shelf(Protocol):
    """The vault, of which nothing is loaded before a reference leads to it."""

    def secret(self, name: str) -> Secret: ...


class Wishes:
    """A resolver that fetches nothing, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.heard: dict[Wish, None] = {}

    def resolve(self, given: Given) -> Secret:
        if isinstance(given.value, SecretRef):
            self.heard[_wish(given)] = None
        return Secret("")


class Secrets:
    """A resolver that remembers every reference for the run, be it resolved or not.

    Args:
        ask: asks a person; None where nobody can be asked.
        hidden: names of variables that hold secrets, which no command gets to see.
        place: the vault, should a reference lead to it.
    """

    def __init__(self, ask: Ask | None, hidden: frozenset[str] = frozenset(), place: VaultPlace | None = None) -> None:
        self._ask = ask
        self._hidden = hidden
        self._place = place or VaultPlace()
        self._known: dict[Wish, Secret | SecretError] = {}
        self._vault: _Shelf | None = None

    def resolve(self, given: Given) -> Secret:
        if isinstance(given.value, Secret):
            return given.value
        if isinstance(given.value, str):
            return Secret(given.value)
        wish = _wish(given)
        if wish not in self._known:
            self._grant(wish)
        found = self._known[wish]
        if isinstance(found, SecretError):
            raise found
        return found

    def run_commands(self, wishes: Iterable[Wish]) -> None:
        """Run those that are commands, several at once; their results, good or bad, are remembered."""
        commands = [wish for wish in wishes if wish[0].command]
        with ThreadPoolExecutor(_COMMANDS_AT_ONCE, "secrets") as workers:
            for _ in workers.map(self._grant, commands):
                pass

    def _grant(self, wish: Wish) -> None:
        reference, file = wish
        try:
            self._known[wish] = self._fetch(reference, file)
        except SecretError as error:
            self._known[wish] = SecretError(f"{reference}: {error.message}", hint=error.hint)

    def _fetch(self, reference: SecretRef, file: Path) -> Secret:
        match reference.given():
            case "env", name:
                return providers.from_variable(name)
            case "file", path:
                return providers.from_file(path, file.parent)
            case "command", words:
                providers.check_commands_of(file)
                return providers.from_command(words, file.parent, self._hidden)
            case "keyring", _:
                return providers.from_keyring(*reference.in_keyring())
            case "vault", name:
                return self._from_vault(name)
            case _, text:
                return self._asked(text)

    def _asked(self, text: str) -> Secret:
        if self._ask is None:
            raise SecretError("nobody can be asked", hint="use env, file or command instead of prompt")
        return self._ask(f"{text}: ")

    def _from_vault(self, name: str) -> Secret:
        if self._vault is None:
            from fleetctl.inventory.secrets.vault import Vault

            self._vault = Vault(self._place, self._ask)
        return self._vault.secret(name)


def _wish(given: Given) -> Wish:
    reference: SecretRef = given.value
    return reference, (given.file if given.file and (reference.file or reference.command) else Path())
