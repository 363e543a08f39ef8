"""Amounts of bytes as people read and write them."""

from __future__ import annotations

import re

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)(b?)(?:/s)?", re.IGNORECASE)
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def readable(size: int) -> str:
    """`0 bytes`, `512 bytes`, `1.2 KiB`, `3.4 GiB`."""
    amount = float(size)
    for unit in _UNITS:
        if amount < 1024 or unit == _UNITS[-1]:
            return f"{size} bytes" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1024
    raise AssertionError(size)


def bytes_in(text: str) -> int:
    """Bytes in `4096`, `10MB`, `10MB/s` (10⁶), `512k`, `1MiB` (2²⁰). Raises: ValueError unless it is more than nothing."""
    match = _SIZE.fullmatch(text.strip())
    amount = 0
    if match:
        decimal = bool(match[4]) and not match[3]
        power = " kmgt".index(match[2].lower() or " ")
        amount = int(float(match[1]) * (1000 if decimal else 1024) ** power)
    if amount <= 0:
        raise ValueError(f"{text!r} is no amount of bytes: write 10MB/s, 512k or 1GiB")
    return amount
