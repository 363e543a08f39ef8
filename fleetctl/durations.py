"""Spans of time as users write them, in the inventory and on the command line."""

from __future__ import annotations

import re

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)?")
_UNIT_SECONDS = {"ms": 0.001, None: 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds_in(text: str | float) -> float:
    """Seconds in `30`, `1.5`, `500ms`, `90s`, `5m` or `2h`. Raises: ValueError unless it is more than nothing."""
    match = _DURATION.fullmatch(str(text).strip())
    seconds = float(match[1]) * _UNIT_SECONDS[match[2]] if match else 0.0
    if seconds <= 0:
        raise ValueError(f"{text!r} is no span of time: write 30, 90s, 5m or 500ms")
    return seconds
