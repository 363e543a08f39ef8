"""What differs between two outputs, as hunks of a unified diff over bytes.

Lines end at a newline and nowhere else. The work is bounded, for hosts choose what is compared, and a comparison
can take the square of what it compares.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Sequence
from io import BytesIO
from itertools import accumulate

from fleetctl.views.spool import Kept, Spool

_MOST_BYTES = 1024 * 1024
_STEPS_OF_A_PAIR = 5_000_000
_STEPS_OF_A_RUN = 30_000_000
"""A step, one look at a pair of equal lines, takes about 0.1 µs."""
_STEPS_A_LINE = 10
"""What cutting, hashing and filing one line costs."""
_CONTEXT = 1
_NO_NEWLINE = b"\\ no newline at the end"


class Incomparable(Exception):
    """Two outputs are not compared; the message says why, as in `they are …`."""


class Differ:
    """Compares outputs of one run until the work allowed for all of them is used up."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._left = _STEPS_OF_A_RUN

    def hunks(self, before: Kept, after: Kept) -> list[bytes]:
        """Lines without their newline that begin with `@@`, a space, `-`, `+`, or a backslash after a line without end.

        Raises: Incomparable, and OSError from the spool.
        """
        if before.digest == after.digest:
            return []
        if max(before.size, after.size) > _MOST_BYTES:
            raise Incomparable("they are over 1 MiB")
        old, new = self._spool.text(before), self._spool.text(after)
        allowance = _Allowance(min(self._left, _STEPS_OF_A_PAIR))
        try:
            return _compared(old, new, allowance)
        finally:
            self._left -= allowance.spent


def hunks(old: bytes, new: bytes) -> list[bytes]:
    """The same of a single pair. Raises: Incomparable."""
    return _compared(old, new, _Allowance(_STEPS_OF_A_PAIR))


def _compared(old: bytes, new: bytes, allowance: _Allowance) -> list[bytes]:
    allowance.spend(_STEPS_A_LINE * (old.count(b"\n") + new.count(b"\n")))
    return list(_hunks(BytesIO(old).readlines(), BytesIO(new).readlines(), allowance))


class _Allowance:
    """Steps that may be taken."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self.spent = 0

    def spend(self, steps: int) -> None:
        """Before the steps are taken. Raises: Incomparable when that is too many."""
        if self.spent + steps > self._steps:
            raise Incomparable("that would take too long")
        self.spent += steps


class _Matcher(difflib.SequenceMatcher[bytes]):
    """Spends on each search a step for every old line it looks at, and for every new line that equals one."""

    def __init__(self, old: Sequence[bytes], new: Sequence[bytes], allowance: _Allowance) -> None:
        super().__init__(None, old, new, autojunk=False)
        self._allowance = allowance
        self._whole = len(old)
        times = Counter(new)
        self._steps_up_to = list(accumulate((1 + times[line] for line in old), initial=0))

    def find_longest_match(
        self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None
    ) -> difflib.Match:
        self._allowance.spend(self._steps_up_to[self._whole if ahi is None else ahi] - self._steps_up_to[alo])
        return super().find_longest_match(alo, ahi, blo, bhi)


def _hunks(old: list[bytes], new: list[bytes], allowance: _Allowance) -> Iterator[bytes]:
    start = max(0, _common(old, new) - _CONTEXT)
    old, new = old[start:], new[start:]
    cut = max(0, _common(old[::-1], new[::-1]) - _CONTEXT)
    old, new = old[: len(old) - cut], new[: len(new) - cut]
    for hunk in _Matcher(old, new, allowance).get_grouped_opcodes(_CONTEXT):
        (_, old_begin, _, new_begin, _), (_, _, old_end, _, new_end) = hunk[0], hunk[-1]
        yield f"@@ -{_span(start, old_begin, old_end)} +{_span(start, new_begin, new_end)} @@".encode()
        for tag, a, b, c, d in hunk:
            if tag == "equal":
                yield from _marked(b" ", old[a:b])
            else:
                yield from _marked(b"-", old[a:b])
                yield from _marked(b"+", new[c:d])


def _common(old: list[bytes], new: list[bytes]) -> int:
    """How many lines at the beginning are the same."""
    shorter = min(len(old), len(new))
    return next((n for n in range(shorter) if old[n] != new[n]), shorter)


def _span(start: int, begin: int, end: int) -> str:
    """A range of lines as diff writes it: counted from 1, and an empty one by the line before it."""
    length = end - begin
    if length == 1:
        return f"{start + end}"
    return f"{start + begin + (1 if length else 0)},{length}"


def _marked(mark: bytes, lines: list[bytes]) -> Iterator[bytes]:
    for line in lines:
        yield mark + line.removesuffix(b"\n")
        if not line.endswith(b"\n"):
            yield _NO_NEWLINE
