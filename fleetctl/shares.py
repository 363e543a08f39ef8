"""So many, or so many percent: parts of a whole as users write them, and a whole cut into such parts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec

_SHARE = re.compile(r"(\d+)\s*(%)?")
_WHOLE = 100

T = TypeVar("T")


class Share(msgspec.Struct, frozen=True):
    """A number, or with `percent` that many hundredths of the whole."""

    number: int
    percent: bool = False

    def __str__(self) -> str:
        return f"{self.number}%" if self.percent else str(self.number)

    def of(self, total: int) -> int:
        """How many that is, rounded down."""
        return total * self.number // _WHOLE if self.percent else self.number


def share_in(text: str) -> Share:
    """The share in `5` or `10%`. Raises: ValueError."""
    match = _SHARE.fullmatch(text.strip())
    if match is None or (match[2] and int(match[1]) > _WHOLE):
        raise ValueError(f"{text!r} is neither a number nor a percentage: write 5 or 10%")
    return Share(int(match[1]), bool(match[2]))


def shares_in(text: str) -> tuple[Share, ...]:
    """The shares in `1,10%,50%`. Raises: ValueError, also for one of nothing."""
    shares = tuple(share_in(word) for word in text.split(","))
    for share in shares:
        if share.number == 0:
            raise ValueError(f"{str(share)!r} is no hosts at all: write 1 or more")
    return shares


def cut(whole: Sequence[T], shares: Sequence[Share]) -> Iterator[Sequence[T]]:
    """The whole in pieces of these shares, at least 1 in each; the last share again and again, without shares all.

    A whole of nothing is one piece of nothing.
    """
    begin = 0
    for number in range(len(whole) or 1):
        share = shares[min(number, len(shares) - 1)] if shares else Share(_WHOLE, percent=True)
        end = begin + max(1, share.of(len(whole)))
        yield whole[begin:end]
        begin = end
        if begin >= len(whole):
            return
