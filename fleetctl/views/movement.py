"""How far the files of all hosts are: one line with a bar, a rate, the time that is left, and who is slow."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import accumulate

import msgspec

from fleetctl.events import Outcome, Progress
from fleetctl.sizes import readable

_RATE_SECONDS = 5.0
_SOON = 1.0
"""Seconds before which a rate says nothing."""

_SLOW = 0.75
_JUDGED_AFTER = 3.0
"""Seconds before which nobody is called slow: progress comes a few times a second, and not from all at once."""

_MOST_NAMED = 3
_NARROWEST_BAR = 5
_WIDEST_BAR = 24


class _Part(msgspec.Struct):
    """What one host has of it; its `total` is 0 while nobody knows."""

    since: float
    bytes: int = 0
    total: int = 0

    def pace(self, now: float) -> float:
        """The share of its bytes that a host moves in a second."""
        return self.bytes / self.total / max(now - self.since, _SOON)

    @property
    def is_whole(self) -> bool:
        return self.bytes >= self.total

    @property
    def percent(self) -> int:
        return min(100, self.bytes * 100 // self.total)


class Movement:
    """Adds up the progress of hosts. `now` is seconds of a clock that never goes back. For one thread at a time."""

    def __init__(self) -> None:
        self._hosts = 0
        self._moving: dict[str, _Part] = {}
        self._landed = 0
        self._plans: list[int] = []
        self._unplanned = 0
        self._paces: list[float] = []
        self._marks: deque[tuple[float, int]] = deque()

    @property
    def bytes(self) -> int:
        return self._landed + sum(part.bytes for part in self._moving.values())

    def begin(self, hosts: int) -> None:
        self._hosts = hosts

    def go_on(self, event: Progress, now: float) -> None:
        if not self._marks:
            self._marks.append((now, 0))
        part = self._moving.setdefault(event.host, _Part(now))
        part.bytes, part.total = event.bytes, event.total

    def finish(self, host: str, outcome: Outcome, now: float) -> None:
        """Of a host that is done nothing more is to come: what it moved is all there was, however it ended."""
        part = self._moving.pop(host, _Part(now))
        if outcome.totals is not None:
            part.bytes = outcome.totals.bytes
        self._landed += part.bytes
        if part.total:
            self._plans.append(part.total)
            self._paces.append(part.pace(now))
        elif outcome.totals is not None:
            self._plans.append(part.bytes)
        else:
            self._unplanned += 1

    def idle(self, hosts: Iterable[str]) -> list[str]:
        """Those of them that have not begun to move files, or have moved them all."""
        parts = self._moving
        return [host for host in hosts if host not in parts or parts[host].is_whole]

    def line(self, head: list[str], waiting: list[str], width: int, now: float) -> str:
        """The line in at most so many columns: what does not fit is left out from the right.

        Args:
            head: what comes first, about the hosts.
            waiting: what comes last where no host is slower than the rest.
        """
        total, exact = self._total()
        rate = self._rate(now)
        percent = f" {min(100, self.bytes * 100 // total)} %" if total else ""
        tail = [f" · {_of(self.bytes, total, exact=exact)}"]
        if rate is not None:
            tail.append(f" · {readable(int(rate))}/s")
        if rate and total > self.bytes:
            tail.append(f" · ETA {_clock((total - self.bytes) / rate)}")
        tail += self._slowest(now) or [f" · {words}" for words in waiting]
        return _fitted(" · ".join(head), percent, tail, width, self.bytes / total if total else 0.0)

    def _total(self) -> tuple[int, bool]:
        """Bytes of all hosts, and whether that is known: one not heard of counts as the mean of the others."""
        known = [part.total for part in self._moving.values() if part.total]
        unknown = max(0, self._hosts - len(known) - len(self._plans) - self._unplanned)
        count = len(known) + len(self._plans)
        mean = (sum(known) + sum(self._plans)) / count if count else 0
        here = sum(max(part.bytes, part.total) for part in self._moving.values())
        return max(self.bytes, self._landed + here + int(mean * unknown)) if count else 0, not unknown

    def _rate(self, now: float) -> float | None:
        """Bytes per second lately; None so soon that it would be a guess."""
        self._marks.append((now, self.bytes))
        while len(self._marks) > 1 and self._marks[1][0] <= now - _RATE_SECONDS:
            self._marks.popleft()
        then, before = self._marks[0]
        return max(0, self.bytes - before) / (now - then) if now - then >= _SOON else None

    def _slowest(self, now: float) -> list[str]:
        """Hosts well behind the mean pace. Not who has the least, but who is slow: others may have begun just now."""
        parts = {host: part for host, part in self._moving.items() if part.total and now - part.since >= _JUDGED_AFTER}
        paces = {host: part.pace(now) for host, part in parts.items()}
        count = len(paces) + len(self._paces)
        mean = (sum(paces.values()) + sum(self._paces)) / count if count else 0.0
        behind = [host for host in paces if paces[host] < _SLOW * mean and not parts[host].is_whole]
        slow = sorted(behind, key=lambda host: paces[host])
        named = [f"{host} {parts[host].percent} %" for host in slow[:_MOST_NAMED]]
        return [(", " if number else " · slowest ") + words for number, words in enumerate(named)]


def _fitted(head: str, percent: str, tail: list[str], width: int, share: float) -> str:
    """The bar takes the room that the rest leaves."""
    bar = len(f" · {percent}") + _NARROWEST_BAR if percent else 0
    if len(head) + bar > width:
        return head
    lengths = accumulate(map(len, tail), initial=len(head) + bar)
    fitting = sum(length <= width for length in lengths) - 1
    rest = "".join(tail[:fitting])
    if not percent:
        return head + rest
    cells = min(_WIDEST_BAR, _NARROWEST_BAR + width - len(head) - bar - len(rest))
    full = min(cells, int(share * cells))
    return f"{head} · {'█' * full}{'░' * (cells - full)}{percent}{rest}"


def _of(size: int, total: int, *, exact: bool) -> str:
    """`1.2 of 2.7 GiB`, `12.0 KiB of ~2.7 GiB`; the size alone while nobody knows the total."""
    if not total:
        return readable(size)
    amount, unit = readable(size).split()
    whole = readable(total)
    return f"{amount if whole.endswith(f' {unit}') else f'{amount} {unit}'} of {'' if exact else '~'}{whole}"


def _clock(seconds: float) -> str:
    """`0:07`, `12:34`, `1:02:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
