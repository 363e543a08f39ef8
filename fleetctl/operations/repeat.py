"""When a command that the user calls repeatable is run again, and what it has to come to."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable

import msgspec

_CONDITION = re.compile(
    r"""
    \s* exit \s* (?:
        (?P<sign> == | != | <= | >= | < | > ) \s* (?P<number> \d{1,10} )
        | \s in \s+ (?P<numbers> \d{1,10} (?: \s*,\s* \d{1,10} )* )
    ) \s*
    """,
    re.ASCII | re.VERBOSE,
)
_COMPARES: dict[str, Callable[[int, int], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge
}  # fmt: skip
RETRIES = 3
DELAY_SECONDS = 5.0


class Until(msgspec.Struct, frozen=True):
    """A condition on the exit code; a command that ended without one does not meet any.

    Args:
        sign: one of == != < <= > >= in.
        numbers: what it is compared with, or may be: more than one for `in` alone.
    """

    sign: str
    numbers: tuple[int, ...]

    def __str__(self) -> str:
        numbers = ",".join(map(str, self.numbers))
        return f"exit in {numbers}" if self.sign == "in" else f"exit{self.sign}{numbers}"

    def holds(self, exit_code: int | None) -> bool:
        if self.sign == "in" or exit_code is None:
            return exit_code in self.numbers
        return _COMPARES[self.sign](exit_code, self.numbers[0])


def until(text: str) -> Until:
    """The condition in `exit==0`, `exit != 1`, `exit<3` or `exit in 0,3`. Raises: ValueError."""
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no condition: write exit==0, exit!=1, exit<3 or 'exit in 0,3'")
    numbers = match["numbers"] or match["number"]
    return Until(match["sign"] or "in", tuple(int(number) for number in numbers.split(",")))


class Repeat(msgspec.Struct, frozen=True):
    """How often a command is run again, and until what.

    Args:
        retries: how many times more.
        delay: seconds between.
        until: what its exit code must come to; None is 0, or anything where the output decides.
        output: a regular expression that its output must have a match for, "" for none.
    """

    retries: int = RETRIES
    delay: float = DELAY_SECONDS
    until: Until | None = None
    output: str = ""

    def __str__(self) -> str:
        wanted = [str(self.until)] if self.until else []
        wanted += [f"output like {self.output!r}"] if self.output else []
        return " with ".join(wanted) or "exit==0"

    def held(self, exit_code: int | None, stdout: bytes) -> bool:
        """Whether a try was what is wanted; `stdout` is what it wrote there, or the end of that."""
        if self.until is not None and not self.until.holds(exit_code):
            return False
        if self.output:
            return re.search(self.output, stdout.decode(errors="replace"), re.MULTILINE) is not None
        return self.until is not None or exit_code == 0
