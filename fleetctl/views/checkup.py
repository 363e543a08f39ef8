"""What `fleetctl doctor` shows: a line for each step as it is done, or all of them as one JSON document.

The document has `schema`, a number that grows when something in it changes its meaning; `host`, its name; `ok`, whether
every step went well; `hint`, what to do about the one that did not, or ""; `seconds`, for all; and `steps`, in order.
Each has the fields of `fleetctl.checkup.Step`: `machine`, `name`, `finding` (`ok`, `warning`, `failed`, `not-reached`),
`words`, `seconds`, `remarks`, `hint`, `code` and `facts`. Further fields may come.
"""

from __future__ import annotations

from collections.abc import Sequence

from fleetctl.checkup import Finding, Step
from fleetctl.views.facts import encode
from fleetctl.views.neutral import sanitize
from fleetctl.views.screen import Screen

SCHEMA_VERSION = 1
_MARKS = {
    Finding.OK: ("✔", "32"),
    Finding.WARNING: ("!", "33"),
    Finding.FAILED: ("✘", "31"),
    Finding.NOT_REACHED: ("·", "2"),
}
_NAME_WIDTH = 12
_MARGIN = " " * 28


class CheckupLines:
    """A line for each step, under the name of its machine. Raises: OSError when it cannot be written."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._machine = ""

    def show(self, step: Step) -> None:
        lines = []
        if step.machine != self._machine:
            self._machine = step.machine
            lines.append(self._screen.paint(sanitize(step.machine), "1", out=True))
        mark, colour = _MARKS[step.finding]
        name = step.name.replace("-", " ")
        reached = step.finding is not Finding.NOT_REACHED
        took = f"{step.seconds * 1000:7,.0f} ms" if reached else ""
        words = sanitize(step.words) if reached else "not reached"
        lines.append(f"  {self._screen.paint(mark, colour, out=True)} {name:<{_NAME_WIDTH}} {took:>10}  {words}")
        lines += [f"{_MARGIN}{sanitize(remark)}" for remark in step.remarks]
        if step.hint:
            lines.append(f"{_MARGIN}→ {sanitize(step.hint)}")
        self._screen.write("".join(f"{line}\n" for line in lines).encode(errors="backslashreplace"))


def write_checkup(screen: Screen, host: str, steps: Sequence[Step]) -> None:
    """All steps as one JSON document on stdout. Raises: OSError."""
    document = {
        "schema": SCHEMA_VERSION,
        "host": host,
        "ok": all(step.finding in {Finding.OK, Finding.WARNING} for step in steps),
        "hint": next((step.hint for step in steps if step.finding is Finding.FAILED), ""),
        "seconds": sum(step.seconds for step in steps),
        "steps": list(steps),
    }
    screen.write(encode(document) + b"\n")
