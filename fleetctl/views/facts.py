"""Events and outcomes as JSON: text where output is text, base64 where it is not; secrets are refused."""

from __future__ import annotations

import base64
import codecs
from typing import Any

import msgspec

from fleetctl.events import Outcome, Output
from fleetctl.model import Secret


def encode(value: Any) -> bytes:
    """JSON in UTF-8. Raises: TypeError for a Secret."""
    return msgspec.json.encode(value, enc_hook=_plainly)


def outcome_facts(outcome: Outcome) -> dict[str, Any]:
    """Every field of an outcome, None where there is nothing, so that a reader finds the same keys always."""
    error = outcome.error
    return {
        "status": outcome.status,
        "exit_code": outcome.exit_code,
        "signalled": outcome.signalled,
        "seconds": round(outcome.seconds, 6),
        "attempts": outcome.attempts,
        "remote_ended": outcome.remote_ended,
        "timings": {name: round(seconds, 6) for name, seconds in outcome.timings.items()},
        "error": None
        if error is None
        else {"code": error.code, "message": error.message, "hint": error.hint, "facts": error.facts},
    }


def text_or_base64(name: str, data: bytes) -> dict[str, str]:
    """`{name: text}`, or `{name_base64: …}` when the bytes are not UTF-8."""
    try:
        return {name: data.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(data).decode()}


class WholeCharacters:
    """Moves the bytes of a character that is cut at the end of an Output to the next of that stream."""

    def __init__(self) -> None:
        self._cut: dict[tuple[str, str], bytes] = {}

    def complete(self, output: Output) -> bytes:
        data = self._cut.pop((output.host, output.stream), b"") + output.data
        cut = _cut_bytes(data)
        if cut:
            self._cut[output.host, output.stream] = data[-cut:]
            return data[:-cut]
        return data

    def rest(self, host: str) -> list[tuple[str, bytes]]:
        return [
            (stream, self._cut.pop((host, stream))) for stream in ("stdout", "stderr") if (host, stream) in self._cut
        ]


def _cut_bytes(data: bytes) -> int:
    """How many bytes at the end begin a character that may still be completed; 0 to 3."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(data[-4:] if len(data) > 4 and data[-4] & 0xC0 != 0x80 else data[-3:])
    except UnicodeDecodeError:
        return 0
    return len(decoder.getstate()[0])


def _plainly(value: object) -> str:
    if isinstance(value, Secret):
        raise TypeError("a secret is never written as JSON")
    return str(value)
