"""How a person is asked for a passphrase: up to three times, in words that say why again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from fleetctl.model import Secret

Ask = Callable[[str], Secret]
"""Asks a person, who sees the text; raises SecretError when nobody is there, or nothing was typed."""

_Opened = TypeVar("_Opened")
_PROMPTS = ("Passphrase for {}: ", "Wrong passphrase. Once more for {}: ", "Wrong passphrase. A last time for {}: ")


def ask_passphrase(what: str, ask: Ask, attempt: Callable[[Secret], _Opened | None]) -> _Opened | None:
    """What the first passphrase that fits opens; None when three did not.

    Args:
        what: what it is for, as in "key /home/me/.ssh/id_rsa".
        attempt: opens it with a passphrase; None when it is the wrong one.

    Raises: SecretError when nobody can be asked, or nothing was typed.
    """
    for prompt in _PROMPTS:
        opened = attempt(ask(prompt.format(what)))
        if opened is not None:
            return opened
    return None
