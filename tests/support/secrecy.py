"""The one register of secrets that tests use, and what finds them in what somebody wrote, be they escaped or cut.

A value that stands here may be shown by no run of the command (see `tests.support.fleetctl`), unless its test says so.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import shlex
from collections.abc import Collection, Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import msgspec

from fleetctl.events import Output
from fleetctl.history.history import History

_SHORTEST = 8
"""Shorter pieces are found by chance, or are words that anybody may say."""
_AWKWARD = "'\"\\ %é$"
_WORD = re.compile(rf"[\w-]{{{_SHORTEST},}}", re.ASCII)
_register: dict[str, tuple[str, tuple[bytes, ...]]] = {}


def secret(what: str) -> str:
    """A new secret, with characters in its middle that every way of quoting changes."""
    return keep(what, f"{secrets.token_hex(5)}{_AWKWARD}{secrets.token_hex(5)}")


def keep(what: str, value: str) -> str:
    """Take a secret into the register that was made elsewhere. Returns: itself."""
    if len(value) < _SHORTEST:
        raise ValueError(f"the {what} is too short to be told from other text")
    _register[value] = (what, _forms(value))
    return value


def shown_in(data: bytes, allowed: Collection[str] = ()) -> list[str]:
    """What the secrets are of which `data` has the whole or a part, in any form.

    Args:
        allowed: secrets that may be there.
    """
    return shown_of(_register.keys() - set(allowed), data)


def shown_of(values: Collection[str], data: bytes) -> list[str]:
    """The same for these secrets alone."""
    entries = (_register[value] for value in values)
    return [what for what, forms in entries if any(form in data for form in forms)]


def check(data: bytes, where: str, allowed: Collection[str] = ()) -> None:
    """Raises: AssertionError when `data` shows a secret."""
    if found := shown_in(data, allowed):
        raise AssertionError(f"{where} shows {', '.join(found)}:\n{data.decode(errors='backslashreplace')}")


def check_files(directory: Path) -> None:
    """The same for the names and the content of all files below it but inventories, which tests alone write.

    What a history keeps compressed and in pieces is looked through as it is told again.
    """
    for path in directory.rglob("*"):
        check(bytes(path.relative_to(directory)), "the name of a file")
        if path.is_file() and path.name != "inventory.yaml":
            check(path.read_bytes(), str(path))
        if path.name == "history.db":
            _check_history(path)


def _check_history(path: Path) -> None:
    with History(path) as history:
        for run in history.runs():
            check(msgspec.json.encode(run), f"the record of {run.id}")
            said: dict[tuple[str, str], bytes] = {}
            for event in history.events(run.id):
                if isinstance(event, Output):
                    said[event.host, event.stream] = said.get((event.host, event.stream), b"") + event.data
                else:
                    check(msgspec.json.encode(event), f"an event of {run.id}")
            for source, data in said.items():
                check(data, f"the history of {source}")


def _forms(value: str) -> tuple[bytes, ...]:
    """The fewest byte strings one of which is in every text that shows the value or a piece of it."""
    found = sorted({form for piece in _pieces(value) for form in _written(piece)}, key=len)
    kept: list[bytes] = []
    for form in found:
        if not any(shorter in form for shorter in kept):
            kept.append(form)
    return tuple(kept)


def _pieces(value: str) -> Iterator[str]:
    half = len(value) // 2
    for piece in (value, value[:half], value[half:], *_WORD.findall(value)):
        if len(piece) >= _SHORTEST:
            yield piece


def _written(piece: str) -> Iterator[bytes]:
    data = piece.encode(errors="surrogateescape")
    yield data
    for text in (json.dumps(piece), json.dumps(piece, ensure_ascii=False), repr(piece), ascii(piece)):
        yield text[1:-1].encode(errors="surrogateescape")
    yield shlex.quote(piece).strip("'").encode(errors="surrogateescape")
    yield quote(data, safe="").encode()
    yield quote_plus(data).encode()
    yield data.hex().encode()
    yield data.hex().upper().encode()
    for before in range(3):
        yield _in_base64(data, before)
        yield _in_base64(data, before).translate(bytes.maketrans(b"+/", b"-_"))


def _in_base64(data: bytes, before: int) -> bytes:
    """The characters that stand for nothing but `data` when so many bytes precede it, modulo three."""
    whole = base64.b64encode(bytes(before) + data)
    return whole[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]
