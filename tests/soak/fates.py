"""What becomes of each command of a soak: the server does it, and whoever judges knows it, both from the seed alone."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

Kind = Literal["ok", "fails", "killed", "reset"]

_KINDS: dict[Kind, int] = {"ok": 82, "fails": 5, "killed": 3, "reset": 10}
_LINES = 40
ENDS: dict[Kind, tuple[str, str]] = {
    "ok": ("ok", ""),
    "fails": ("failed", ""),
    "killed": ("failed", "killed"),
    "reset": ("unreachable", "connection-lost"),
}
"""Status and code of the error that each must have."""


@dataclass(frozen=True)
class Fate:
    """How a command ends, and what it says before."""

    kind: Kind
    said: bytes


def fate(seed: int, host: str, number: int) -> Fate:
    """Of the command with this number on this host."""
    chance = random.Random(f"{seed}/{host}/{number}")
    (kind,) = chance.choices(list(_KINDS), list(_KINDS.values()))
    lines = (f"{host} {number} {chance.randbytes(20).hex()}\n" for _ in range(chance.randrange(_LINES)))
    return Fate(kind, "".join(lines).encode())
