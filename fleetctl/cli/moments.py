"""Points in time as users write them: `2d` ago, `today`, a date, a date and a time; in the time of this machine."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import typer

_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DAY = timedelta(days=1)


def beginning(text: str) -> float:
    """Seconds since the epoch; a day stands for its beginning. Raises: typer.BadParameter."""
    return _moment(text).timestamp()


def end(text: str) -> float:
    """Seconds since the epoch; a day stands for its end. Raises: typer.BadParameter."""
    moment = _moment(text)
    return (moment + _DAY if _is_day(text) else moment).timestamp()


def _moment(text: str) -> datetime:
    word, now = text.strip().lower(), datetime.now().astimezone()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if word in {"today", "yesterday"}:
        return midnight - _DAY * (word == "yesterday")
    try:
        if ago := _AGO.fullmatch(word):
            return now - timedelta(**{_UNITS[ago[2]]: float(ago[1])})
        if re.fullmatch(r"\d\d?:\d\d", word):
            hour, minute = map(int, word.split(":"))
            return midnight.replace(hour=hour, minute=minute)
        return datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(
            f"{text!r} is no point in time: write 2d, 12h, today, 2026-11-01 or '2026-11-01 14:30'"
        ) from error


def _is_day(text: str) -> bool:
    word = text.strip().lower()
    return word in {"today", "yesterday"} or re.fullmatch(r"\d{4}-?\d\d-?\d\d", word) is not None
