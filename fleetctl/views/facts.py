"""Events and outcomes as JSON: text where output is text, base64 where it is not; secrets are refused."""

from __future__ import annotations

import base64
import codecs
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from fleetctl.events import ErrorFacts, Outcome, StepFinished, StepResult, Transferred
from fleetctl.model import Secret


def encode(value: Any) -> bytes:
    """JSON in UTF-8; objects that JSON does not know as their `str()`. Raises: TypeError for a Secret."""
    try:
        return msgspec.json.encode(value, enc_hook=_plainly)
    except UnicodeEncodeError:  # bytes of argv or of a path that are not UTF-8, which Python keeps as surrogates
        return msgspec.json.encode(_without_surrogates(msgspec.to_builtins(value, enc_hook=_plainly, str_keys=True)))


def outcome_facts(outcome: Outcome) -> dict[str, Any]:
    """Every field of an outcome, None where there is nothing, so that a reader finds the same keys always."""
    return {
        "status": outcome.status,
        "exit_code": outcome.exit_code,
        "signalled": outcome.signalled,
        "seconds": round(outcome.seconds, 6),
        "attempts": outcome.attempts,
        "remote_ended": outcome.remote_ended,
        "killed": outcome.killed,
        "repeats": outcome.repeats,
        "timings": {name: round(seconds, 6) for name, seconds in outcome.timings.items()},
        "totals": None if outcome.totals is None else msgspec.to_builtins(outcome.totals),
        "note": outcome.note,
        "steps": None if outcome.steps is None else msgspec.structs.asdict(outcome.steps),
        "step": outcome.step,
        "error": _error_facts(outcome.error),
    }


def step_facts(event: StepFinished) -> dict[str, Any]:
    """How a step ended, whichever host it is about; the same keys always."""
    return {
        "step": event.step,
        "number": event.number,
        "status": event.status,
        "exit_code": event.exit_code,
        "seconds": round(event.seconds, 6),
        "why": event.why,
        "error": _error_facts(event.error),
        "once": event.once,
    }


def result_facts(result: StepResult | None) -> dict[str, Any] | None:
    """What a registered step came to, those of its items in it; the same keys always."""
    if result is None:
        return None
    return msgspec.structs.asdict(result) | {"results": [result_facts(one) for one in result.results]}


def transfer_facts(event: Transferred) -> dict[str, Any]:
    """What became of a file, whichever host it is about; the same keys always."""
    return {
        "path": event.path,
        "action": event.action,
        "size": event.size,
        "seconds": round(event.seconds, 6),
        "dry": event.dry,
        "error": _error_facts(event.error),
    }


def text_or_base64(name: str, data: bytes) -> dict[str, str]:
    """`{name: text}`, or `{name_base64: …}` when the bytes are not UTF-8."""
    try:
        return {name: data.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(data).decode()}


def bytes_short_of_text(pieces: Iterable[bytes]) -> int | None:
    """How many bytes at the end begin a character that never ends: 0 for whole text, None for what is no UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for piece in pieces:
            decoder.decode(piece)
    except UnicodeDecodeError:
        return None
    return len(decoder.getstate()[0])


def text_as_json(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The inside of a JSON string, piece by piece; an unfinished character at the end is left out."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for piece in pieces:
        yield msgspec.json.encode(decoder.decode(piece))[1:-1]


def base64_pieces(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The base64 of all pieces together, piece by piece."""
    rest = b""
    for piece in pieces:
        data = rest + piece
        whole = len(data) - len(data) % 3
        yield base64.b64encode(data[:whole])
        rest = data[whole:]
    yield base64.b64encode(rest)


def _error_facts(error: ErrorFacts | None) -> dict[str, Any] | None:
    if error is None:
        return None
    return {"code": error.code, "message": error.message, "hint": error.hint, "facts": error.facts}


def _plainly(value: object) -> str:
    if isinstance(value, Secret):
        raise TypeError("a secret is never written as JSON")
    return str(value)


def _without_surrogates(value: Any) -> Any:
    match value:
        case str():
            return value.encode(errors="backslashreplace").decode()
        case dict():
            return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
        case list() | tuple():
            return [_without_surrogates(item) for item in value]
        case _:
            return value
