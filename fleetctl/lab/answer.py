"""What a lab in the background says to its starter, once and through a pipe: that it is up, or why it is not.

Its log cannot say so: a lab that does not start removes it with all its other files.
"""

from __future__ import annotations

import errno
import os
import select

import msgspec

from fleetctl.errors import Fault, FleetError, UsageError

_CHUNK = 64 * 1024
_TOO_MANY_FILES = (errno.EMFILE, errno.ENFILE)


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether it is up.

    Args:
        problem: why not; "" when it is.
        hint: what the user can do about that.
        usage: whether the request itself was wrong.
    """

    problem: str = ""
    hint: str = ""
    usage: bool = False

    def check(self) -> None:
        """Raises: UsageError or FleetError when it is not up."""
        if self.usage:
            raise UsageError(self.problem, hint=self.hint)
        if self.problem:
            raise FleetError(f"the lab did not start: {self.problem}", hint=self.hint)


UP = Answer()


def why_not(error: Exception) -> Answer:
    match error:
        case OSError() if error.errno in _TOO_MANY_FILES:
            return Answer(str(error.strerror), "ask for fewer hosts, or allow more open files: ulimit -n")
        case OSError():
            return Answer(str(error))
        case FleetError():
            return Answer(error.message, error.hint, isinstance(error, UsageError))
        case _:
            return why_not(Fault(error))


def give(answer: Answer, pipe: int) -> None:
    """Raises: BrokenPipeError when nobody waits for it any more."""
    os.write(pipe, msgspec.json.encode(answer))
    os.close(pipe)


def take(pipe: int, seconds: float) -> Answer | None:
    """The answer; None when the process died without one, or took too long."""
    readable, _, _ = select.select([pipe], [], [], seconds)
    said = os.read(pipe, _CHUNK) if readable else b""
    return msgspec.json.decode(said, type=Answer) if said else None
