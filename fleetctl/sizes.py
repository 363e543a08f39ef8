"""Amounts as people read and write them: of bytes, and of things."""

from __future__ import annotations

import re
from decimal import Decimal

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(?:([kmgt])(i?b)?|b)?(?:/s)?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_UNITS = ("KiB", "MiB", "GiB", "TiB")


def readable(size: int) -> str:
    """`0 bytes`, `512 bytes`, `1.2 KiB`, `3.4 GiB`."""
    if size < 1024:
        return f"{size} byte{'' if size == 1 else 's'}"
    amount = size / 1024
    for unit in _UNITS[:-1]:
        if round(amount, 1) < 1024:
            return f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} {_UNITS[-1]}"


def bytes_in(text: str) -> int:
    """Bytes in `4096`, `10MB`, `10MB/s` (10⁶), `512k`, `10M`, `1MiB` (2²⁰). Raises: ValueError for less than a byte."""
    match = _SIZE.fullmatch(text.strip())
    size = 0
    if match:
        power = _POWERS[(match[2] or "").lower()]
        step = 1000 if (match[3] or "").lower() == "b" else 1024
        size = int(Decimal(match[1]) * step**power)
    if size <= 0:
        raise ValueError(f"{text!r} is no amount of bytes: write 10MB/s, 512k or 1GiB")
    return size


def counted(number: int, noun: str) -> str:
    """`1 file`, `2,000 files`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
