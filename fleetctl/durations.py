"""Spans of time as users write them, in the inventory and on the command line, and as they read them."""

from __future__ import annotations

import re

ASK = "ask"
"""What a pause may be that is no span of time: somebody is asked."""

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)?")
_UNIT_SECONDS = {"ms": 0.001, None: 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds_in(text: str | float) -> float:
    """Seconds in `30`, `1.5`, `500ms`, `90s`, `5m` or `2h`. Raises: ValueError unless it is more than nothing."""
    match = _DURATION.fullmatch(str(text).strip())
    seconds = float(match[1]) * _UNIT_SECONDS[match[2]] if match else 0.0
    if seconds <= 0:
        raise ValueError(f"{text!r} is no span of time: write 30, 90s, 5m or 500ms")
    return seconds


def elapsed(seconds: float) -> str:
    """`20 ms`, `0.25 s`, `3.4 s`, `42 s`, `2 min 5 s`, `3 h 20 min`, `2 d 4 h`."""
    if seconds < 0.1:
        return f"{seconds * 1000:.0f} ms"
    if round(seconds, 1) < 10:
        return f"{seconds:.2f} s" if seconds < 1 else f"{seconds:.1f} s"
    whole = round(seconds)
    for size, unit, part, smaller in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def spelled(seconds: float) -> str:
    """As users write it, in the largest unit that leaves no rest: `90s`, `5m`, `2h`, `500ms`."""
    for unit in ("h", "m"):
        if seconds >= _UNIT_SECONDS[unit] and seconds % _UNIT_SECONDS[unit] == 0:
            return f"{seconds / _UNIT_SECONDS[unit]:g}{unit}"
    return f"{seconds:g}s" if seconds >= 1 else f"{seconds * 1000:g}ms"
