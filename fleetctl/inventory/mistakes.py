"""Mistakes in words that help: msgspec's validation errors for people, and what an unknown word may have meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

import msgspec

from fleetctl.inventory.document import Place
from fleetctl.model import HostKeyPolicy

_ERROR = re.compile(r"(?P<said>.*?)(?: - at `\$(?P<path>.*)`)?", re.DOTALL)
_EXPECTED = re.compile(r"Expected `(?P<wanted>[^`]*)`(?P<bound>[^,]*)(?:, got `(?P<got>[^`]*)`)?")
_UNKNOWN = re.compile(r"Object contains unknown field .*", re.DOTALL)
_ENUM = re.compile(r"Invalid enum value (.*)", re.DOTALL)
_STEP = re.compile(r"\.(\w+)|(\[\d+\])")
_WORDS = {
    "str": "a word",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}
_NO_PROVIDER = (
    "give one of {env: …}, {file: …}, {command: […]}, {keyring: service/user}, {vault: …}, {prompt: …}, "
    "or put the text in quotes"
)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean port?`, or "" when nothing is near."""
    near = difflib.get_close_matches(word, list(known), 1)
    return f"; did you mean {near[0]}?" if near else ""


def explained(error: msgspec.ValidationError, choices: Iterable[str] = HostKeyPolicy) -> tuple[Place, str]:
    """Where inside the value that was converted, and what is wrong there.

    Args:
        choices: what it may be, where it is one of a few words.
    """
    match = _ERROR.fullmatch(str(error))
    said, path = (match["said"], match["path"] or "") if match else (str(error), "")
    place = tuple(key or index for key, index in _STEP.findall(path))
    if _UNKNOWN.fullmatch(said):
        # Of a secret's reference: unknown settings are told before. The key may be the secret, as in {S3cret}.
        return place, _NO_PROVIDER
    if invalid := _ENUM.fullmatch(said):
        return place, f"must be one of {', '.join(choices)}, not {invalid[1]}"
    if expected := _EXPECTED.fullmatch(said):
        return place, _expected(expected["wanted"], expected["bound"], expected["got"])
    return place, said


def _expected(wanted: str, bound: str, got: str | None) -> str:
    kinds = [kind for kind in wanted.split(" | ") if kind != "null"]
    must = f"must be {' or '.join(_WORDS.get(kind, kind) for kind in kinds)}{bound}"
    if got is None:
        return "is empty" if bound == " of length >= 1" else must
    hint = ": put it in quotes" if "str" in kinds and got in {"int", "float", "bool"} else ""
    because = " (YAML reads yes, no, on and off as true and false)" if hint and got == "bool" else ""
    return f"{must}, not {_WORDS.get(got, got)}{because}{hint}"
