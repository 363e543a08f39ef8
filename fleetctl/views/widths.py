"""How many columns text takes on a terminal, and the beginning of it that fits into so many."""

from __future__ import annotations

import unicodedata

_WIDE = {"W", "F"}
_WITHOUT_WIDTH = {"Mn", "Me", "Cf"}


def columns(text: str) -> int:
    return len(text) if text.isascii() else sum(map(_columns_of, text))


def cut(text: str, width: int) -> str:
    """As much of the beginning as fits."""
    if text.isascii():
        return text[: max(0, width)]
    taken = 0
    for place, char in enumerate(text):
        taken += _columns_of(char)
        if taken > width:
            return text[:place]
    return text


def padded(text: str, width: int) -> str:
    """Exactly so wide: cut, or with spaces behind it."""
    fitting = cut(text, width)
    return fitting + " " * (width - columns(fitting))


def _columns_of(char: str) -> int:
    if unicodedata.category(char) in _WITHOUT_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(char) in _WIDE else 1
