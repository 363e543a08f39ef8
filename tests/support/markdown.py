"""Commands and what they answer, as they stand in a Markdown file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_CELL = re.compile(r"^\|.*\| `(fleetctl [^`]+)` \|$", re.MULTILINE)
_PROMPT = "$ "


@dataclass(frozen=True)
class Example:
    """A command of a document, and its answer when the document shows one."""

    command: str
    answer: str | None

    def __str__(self) -> str:
        return self.command


def examples(document: Path) -> list[Example]:
    """The lines of ```sh blocks, the dialogues of ```console blocks, and commands that fill a table's last column.

    A ```json block is the answer to the command before it when that showed none.
    """
    written = document.read_text()
    found = [Example(command, None) for command in _CELL.findall(written)]
    for kind, text in _BLOCK.findall(written):
        if kind == "sh":
            found += [Example(line.split(" #")[0].strip(), None) for line in text.splitlines() if line.strip()]
        elif kind == "console":
            found += _dialogue(text)
        elif kind == "json" and found and found[-1].answer == "":
            found[-1] = Example(found[-1].command, text)
    return found


def blocks(document: Path, kind: str) -> list[str]:
    """The texts of the ```kind blocks."""
    return [text for found, text in _BLOCK.findall(document.read_text()) if found == kind]


def _dialogue(text: str) -> list[Example]:
    found: list[Example] = []
    for line in text.splitlines(keepends=True):
        if line.startswith(_PROMPT):
            found.append(Example(line.removeprefix(_PROMPT).strip(), ""))
        else:
            found[-1] = Example(found[-1].command, f"{found[-1].answer}{line}")
    return found
