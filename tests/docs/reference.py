"""docs/jobs-reference.md, made from the types of the language.

python -m tests.docs.reference > docs/jobs-reference.md
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from jinja2.filters import FILTERS

from fleetctl.jobs import texts
from fleetctl.jobs.facts import FACTS
from fleetctl.jobs.language import ACTIONS, Head, Manner, Modifiers
from fleetctl.jobs.templates import NAMES, filters

_WORDS: dict[Any, str] = {
    str: "text",
    bool: "true or false",
    int: "a number",
    Any: "anything",
    Manner: "[keys](#policy)",
    texts.Template: "a template",
    texts.Line: "a command line",
    texts.LocalPath: "a path here",
    texts.Expression: "an expression",
    texts.Seconds: "a time",
    texts.Mode: "permissions",
    texts.Shares: "shares",
    texts.ShareText: "a share",
    texts.PauseText: "a time, or `ask`",
}
_KINDS = [
    texts.Template,
    texts.Line,
    texts.LocalPath,
    texts.Expression,
    texts.Seconds,
    texts.Mode,
    texts.Shares,
    texts.ShareText,
]
"""Kinds of values that want a word of explanation."""

_NAMES = {
    "host": "`name`, `address`, `port`, `user`, `vars`, `tags`, `groups` of the host",
    "vars": "variables; the strongest first: set by a step, `-e`, the inventory, the job's `vars`",
    "steps": "results, by the name in `register`: `stdout`, `stderr`, `exit`, `changed`, `failed`, `skipped`, "
    "`truncated`, `results` (of a loop, one for each item)",
    "facts": "what the host is, gathered in one round trip when it is first asked for:\n"
    + "\n".join(f"  - `{name}`: {said}" for name, said in FACTS.items()),
    "run": "`id`: the run's name in the history",
    "item": "in a loop: what the step is done for",
    "index": "in a loop: which one that is, from 1",
    "result": "in `until`, `changed_when`, `failed_when`: what the step came to, as in `steps`",
}

_HEAD = """# The language of job files

<!-- Made from the types of the language: python -m tests.docs.reference > docs/jobs-reference.md -->

How jobs are written and played is told in [jobs.md](jobs.md); these are all the words there are. Editors that know JSON
schemas complete and check them: `fleetctl job schema > job.schema.json`.

## A job file
"""


_LISTS = [
    ("steps", "a list of [steps](#steps)", "What is done, in this order.", "must be given"),
    ("handlers", "a list of [steps](#steps)", "At the end, in this order, those that a changed step notifies.", ""),
]
_STEPS = "A step is a mapping with one of the [actions](#actions), or `barrier: true` alone, and any of these:"
_JINJA = "[those of Jinja](https://jinja.palletsprojects.com/en/stable/templates/#builtin-filters)"


def page() -> str:
    """The whole document."""
    parts = [
        f"{_HEAD}\n{_table(Head, _LISTS)}",
        f"\n### policy\n\n{_table(Manner)}",
        f"\n## Steps\n\n{_STEPS}\n\n{_table(Modifiers)}",
        "\n## Actions\n",
        *(_action(key, kind) for key, kind in ACTIONS.items()),
        "\n## What templates see\n\n",
        *(f"- `{name}`: {_NAMES[name]}\n" for name in NAMES),
        f"\nFilters are {_JINJA} and {_filters()}.\n",
        "\n## Kinds of values\n\n",
        *(f"- *{_WORDS[kind]}*: {_said(kind)}\n" for kind in _KINDS),
        "\nWhere a list is meant, a single value is a list of one.\n",
    ]
    return "".join(parts)


def _action(key: str, kind: Any) -> str:
    short = f"\nIn short: `{key}: {kind.short.upper()}`\n" if kind.short else ""
    if key == "set":
        return f"\n### {key}\n\n{_said(kind)}\n"
    return f"\n### {key}\n\n{_said(kind)}\n{short}\n{_table(kind)}"


def _table(kind: Any, more: Sequence[tuple[str, str, str, str]] = ()) -> str:
    rows = [*((field.name, *_cells(field)) for field in msgspec.structs.fields(kind)), *more]
    lines = ["| key | value | | without it |\n", "| --- | --- | --- | --- |\n"]
    return "".join([*lines, *(f"| `{name}` | {value} | {said} | {default} |\n" for name, value, said, default in rows)])


def _cells(field: Any) -> tuple[str, str, str]:
    plain, said = _apart(field.type)
    return _words(plain).replace("|", "\\|"), said.replace("|", "\\|"), _default(field)


def _apart(wanted: Any) -> tuple[Any, str]:
    """A type, and what is said of it."""
    if get_origin(wanted) is not Annotated:
        return wanted, ""
    plain, *notes = get_args(wanted)
    return plain, next((note.description for note in notes if getattr(note, "description", None)), "")


def _words(wanted: Any) -> str:
    wanted = _apart(wanted)[0]
    match get_origin(wanted):
        case None:
            return _WORDS[wanted]
        case found if found is tuple:
            return f"{_words(get_args(wanted)[0])}, or a list"
        case found if found is dict:
            return f"a mapping to {_words(get_args(wanted)[1])}"
        case found if found is Literal:
            return " or ".join(f"`{one}`" for one in get_args(wanted))
        case found if found in {Union, types.UnionType}:
            return " or ".join(_words(one) for one in get_args(wanted) if one is not type(None))
        case _:
            raise TypeError(f"no words for {wanted}")


def _default(field: Any) -> str:
    if field.required:
        return "must be given"
    value = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    if isinstance(value, bool):
        return "" if not value else "true"
    if value is None or value in ("", 0) or isinstance(value, dict | tuple | msgspec.Struct):
        return ""
    return f"{value:g} s" if isinstance(value, float) else f"`{value}`"


def _said(kind: Any) -> str:
    return (inspect.getdoc(kind) or "").replace("\n\n", "\0").replace("\n", " ").replace("\0", "\n\n")


def _filters() -> str:
    ours = sorted(set(filters()) - set(FILTERS))
    told = {"quote": "`quote`, which makes one word of a shell of a value, and of a list one for each item"}
    return ", ".join(told[name] for name in ours)


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201
