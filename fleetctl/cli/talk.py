"""What fleetctl itself says on stderr: notes, warnings and errors, one form for all of them."""

from __future__ import annotations

import logging
import sys
import traceback
from contextlib import suppress

from fleetctl.errors import Cancelled, FleetError
from fleetctl.views import sanitize

_INTERRUPTED = 130


def say(message: str) -> None:
    print(sanitize(message), file=sys.stderr)


def warn(message: str) -> None:
    print(f"fleetctl: warning: {sanitize(message)}", file=sys.stderr)


def complain(message: str, hint: str = "") -> None:
    """An error and what to do about it; each line of the message stands on its own."""
    for line in message.splitlines() or [""]:
        print(f"fleetctl: {sanitize(line)}", file=sys.stderr)
    if hint:
        print(f"  → {sanitize(hint)}", file=sys.stderr)


def complain_of(error: Exception) -> int:
    """Tell an error that ends the command; with -vv where in the code it arose, too. Returns: the exit code."""
    if logging.getLogger("fleetctl").isEnabledFor(logging.DEBUG):
        for line in "".join(traceback.format_exception(error)).splitlines():
            print(sanitize(line), file=sys.stderr)
    match error:
        case Cancelled():
            complain(error.message)
            return _INTERRUPTED
        case FleetError():
            complain(error.message, error.hint)
            return 2
        case BrokenPipeError():
            return 1
        case OSError():
            complain(f"{error.filename or 'output'}: {error.strerror or error}")
            return 1
        case _:
            complain(
                f"this is a mistake of fleetctl itself: {type(error).__name__}: {error}",
                "run it again with -vv, and report what it says",
            )
            return 1


def tell_unwritten(error: OSError | None) -> None:
    """That results could not be written, if so; a reader who had enough (`| head`) knows. The exit code tells, too."""
    if error is not None and not isinstance(error, BrokenPipeError):
        with suppress(OSError):  # it may be stderr that cannot be written
            complain(f"{error.filename or 'output'} cannot be written: {error.strerror or error}")


def set_verbosity(level: int) -> None:
    """-v tells what we do, -vv what paramiko does as well. Secrets are in neither."""
    if not level:
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Harmless("%(relativeCreated)7.0f %(threadName)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler])
    logging.getLogger("fleetctl").setLevel(logging.DEBUG if level > 1 else logging.INFO)
    if level > 1:
        logging.getLogger("paramiko").setLevel(logging.DEBUG)


class _Harmless(logging.Formatter):
    """Servers have their say in log lines, too."""

    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(map(sanitize, super().format(record).split("\n")))
