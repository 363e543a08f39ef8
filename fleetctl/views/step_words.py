"""How a step of a job ended on a host, in words that are the same for all hosts where it ended alike."""

from __future__ import annotations

import msgspec

from fleetctl.events import Outcome, Status, StepFinished, StepStatus
from fleetctl.views.reasons import reason

FINE = (StepStatus.OK, StepStatus.CHANGED, StepStatus.SKIPPED)
ORDER = tuple(dict.fromkeys(map(str, (*FINE, StepStatus.IGNORED, *Status))))
"""The words in the order in which they are counted: what is fine first."""
_COLOURS = {"ok": "32", "changed": "33", "skipped": "2", "ignored": "33", "cancelled": "33"}
_TROUBLE = "31"


class Ending(msgspec.Struct, frozen=True):
    """How it ended: `word` is one of `ORDER`; `why` and `hint` may be ""."""

    word: str
    why: str = ""
    hint: str = ""

    @property
    def is_fine(self) -> bool:
        return self.word in FINE


def colour_of(word: str) -> str:
    """An SGR code."""
    return _COLOURS.get(word, _TROUBLE)


def ending_of(event: StepFinished) -> Ending:
    """`failed`, `exit 1`."""
    if event.status in FINE:
        by = f"done on {event.once}" if event.once not in {"", event.host} else ""
        return Ending(event.status, ", ".join(filter(None, (by, event.why))))
    error, code = event.error, event.exit_code
    parts = (f"exit {code}" if code else "", error.message if error is not None else "", event.why)
    return Ending(event.status, ": ".join(dict.fromkeys(filter(None, parts))), error.hint if error is not None else "")


def cut_off(outcome: Outcome) -> Ending:
    """Of a step that a host began and that has no end: what became of the host."""
    why = reason(msgspec.structs.replace(outcome, step="")).removeprefix(outcome.status).removeprefix(": ")
    return Ending(outcome.status, why, outcome.error.hint if outcome.error is not None else "")


def placed(number: int, steps: int, handlers: int) -> str:
    """Where it stands among all: `step 2/7`, `handler 1/2`."""
    return f"step {number}/{steps}" if number <= steps else f"handler {number - steps}/{handlers}"
