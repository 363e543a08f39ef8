"""One step of a job file: its action, which is the key of that name, and its modifiers."""

from __future__ import annotations

from typing import Any

import msgspec

from fleetctl.inventory.document import Document, Items, Place, Section, bare, told, written
from fleetctl.jobs.language import ACTIONS, Include, Modifiers, Pause, Put, Set, Step, TemplateFile, WaitFor
from fleetctl.jobs.reading.fields import check_user, check_variables, missing, only, read, refuse_unknown

MODIFIERS = tuple(Modifiers.__struct_fields__)
_AWAITED = ("port", "file", "command", "url")
_MOST_OF_A_NAME = 60


class Written(msgspec.Struct, frozen=True):
    """A step as it stands in a file.

    Args:
        include: what it is replaced by, where it is nothing of its own.
        label: what it is called when it has no name: its action, in the words of the file.
    """

    step: Step
    document: Document
    place: Place
    include: Include | None = None
    label: str = ""


def read_step(document: Document, place: Place, content: Any) -> Written | None:
    """None when it is none; what is wrong is told, and left out."""
    if not isinstance(content, Section):
        example = "run: …" if content is None else f"run: {content}" if isinstance(content, str) else "run: …"
        document.complain(place, f"must be a mapping with an action, as in `{example}`, not {told(content)}")
        return None
    refuse_unknown(document, place, content, (*ACTIONS, *MODIFIERS))
    how = Modifiers(**read(document, place, content, Modifiers) | _loop(document, place, content))
    check_variables(document, (*place, "env"), how.env)
    check_user(document, (*place, "sudo"), how.sudo)
    _check_name(document, place, how.name)
    key = _action_key(document, place, content)
    action = None if key is None else _action(document, (*place, key), content[key], ACTIONS[key])
    label = "barrier" if key is None else _label(key, content[key])
    include = action if isinstance(action, Include) and "{{" not in action.file else None
    step = Step(
        name=how.name,
        action=None if isinstance(action, Include) else action,
        how=how,
        file=str(document.path),
        line=document.line(place),
        path=written(place),
    )
    return Written(step, document, place, include, label)


def _check_name(document: Document, place: Place, name: str) -> None:
    if "{{" in name or "{%" in name:
        document.complain((*place, "name"), "is the same on every host: it can hold no {{ … }}")
    elif not name.isprintable():
        document.complain((*place, "name"), "must be one line of text")


def _loop(document: Document, place: Place, content: Section) -> dict[str, Any]:
    loop = content.get("loop")
    if loop is None or isinstance(loop, list | str):
        return {"loop": bare(loop)}
    document.complain((*place, "loop"), f"must be a list, or an expression that comes to one, not {told(loop)}")
    return {"loop": []}


def _action_key(document: Document, place: Place, content: Section) -> str | None:
    keys = [key for key in content if key in ACTIONS]
    for key in keys[1:]:
        first = f"{keys[0]} on line {content.lines[keys[0]]}"
        document.complain((*place, key), f"is a second action, beside {first}: make it a step of its own")
    unknown = any(key not in MODIFIERS and key not in ACTIONS for key in content)
    if not keys and not unknown and content.get("barrier") is not True:
        document.complain(place, f"has no action: it wants one of {', '.join(ACTIONS)}")
    return keys[0] if keys else None


def _action(document: Document, place: Place, content: Any, kind: Any) -> Any:
    """The action, or None when it is wrong, which is told."""
    before = len(document.problems)
    fields = _fields(document, place, content, kind)
    if len(document.problems) > before:
        return None
    if absent := missing(fields, kind):
        document.complain(place, "is empty" if content is None else f"wants {' and '.join(absent)}")
        return None
    made = kind(**fields)
    _make_sense(document, place, made)
    return made


def _fields(document: Document, place: Place, content: Any, kind: Any) -> dict[str, Any]:
    if content is None:
        return {}
    if isinstance(content, Section) and kind is not Set:
        refuse_unknown(document, place, content, kind.__struct_fields__)
        return read(document, place, content, kind)
    if kind is Set and not content:
        document.complain(place, "is empty")
    elif kind is Set and not isinstance(content, Section):
        document.complain(place, f"must be a mapping of names to values, not {told(content)}")
        return {}
    if not kind.short:
        needed = " and ".join(missing((), kind)) or f"one of {', '.join(_AWAITED)}"
        document.complain(place, f"must be a mapping with {needed}, not {told(content)}")
        return {}
    return only(document, place, content, kind, kind.short)


def _make_sense(document: Document, place: Place, action: Any) -> None:
    """Tell of what has the right types, and cannot be meant."""
    match action:
        case WaitFor():
            given = [name for name in _AWAITED if getattr(action, name) is not None]
            if len(given) != 1:
                said = f", not {' and '.join(given)}" if given else ""
                document.complain(place, f"wants one of {', '.join(_AWAITED)}{said}")
        case Pause(seconds=None, ask=""):
            document.complain(place, "wants a span of time, as in 5m, or `ask` with a question")
        case Put(dest="") | TemplateFile(dest=""):
            document.complain((*place, "dest"), "is empty")
        case Include(file=file) if "{{" in file:
            document.complain(place, "is read before any host is known: it can hold no {{ … }}")


def _label(key: str, content: Any) -> str:
    # What is set may be secret, and names of steps are shown everywhere.
    words = ", ".join(content) if key == "set" and isinstance(content, Section) else _in_short(content)
    return f"{key}: {words}" if words else key


def _in_short(content: Any) -> str:
    """An action on one short line, as it is written."""
    match content:
        case Section():
            words = ", ".join(f"{key} {_in_short(one)}" for key, one in content.items())
        case Items():
            words = ", ".join(map(_in_short, content))
        case bool():
            words = "true" if content else "false"
        case None:
            words = ""
        case _:
            words = str(content)
    line = " ".join("".join(char if char.isprintable() else " " for char in words).split())
    return line if len(line) <= _MOST_OF_A_NAME else f"{line[: _MOST_OF_A_NAME - 1]}…"
