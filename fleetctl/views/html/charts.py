"""The figures of the page as numbers that a drawing needs: shares, columns, a line over time, marks on an axis."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence

import msgspec

from fleetctl.durations import elapsed
from fleetctl.events import Status

WIDTH, HEIGHT = 480, 120
"""What the drawings are drawn on; a browser makes them as large as there is room."""
_COLUMNS = 24
_MOST_POINTS = 240


class Share(msgspec.Struct, frozen=True):
    """A status on the bar of all hosts, in percent of its width."""

    status: Status
    count: int
    x: str
    width: str


class Column(msgspec.Struct, frozen=True):
    """Hosts that took about as long as one another: heights of those that are ok, and of the others above them."""

    x: float
    width: float
    ok: float
    trouble: float
    told: str


class Tick(msgspec.Struct, frozen=True):
    """A mark on the axis of time, in percent."""

    x: float
    label: str


class Durations(msgspec.Struct, frozen=True):
    columns: tuple[Column, ...]
    ticks: tuple[Tick, ...]
    middle: str
    most: str
    slowest: str


class Progress(msgspec.Struct, frozen=True):
    """How many hosts were done by when: points of one line for all, and of one for those not ok."""

    done: str
    trouble: str


def shares(counts: dict[Status, int]) -> tuple[Share, ...]:
    whole, at, made = max(1, sum(counts.values())), 0, []
    for status in Status:
        count = counts.get(status, 0)
        if count:
            made.append(Share(status, count, f"{100 * at / whole:.3f}%", f"{100 * count / whole:.3f}%"))
            at += count
    return tuple(made)


def ticks(span: float, most: int = 6) -> tuple[Tick, ...]:
    """Marks at round times, the first at 0."""
    step = _round_step(span / most)
    marks = (n * step for n in range(int(span / step * (1 + 1e-9)) + 1))
    return tuple(Tick(round(100 * mark / span, 3), elapsed(mark) if mark else "0") for mark in marks)


def durations(took: Sequence[tuple[float, bool]]) -> Durations | None:
    """How long hosts took, each with whether it is ok; None where none did anything."""
    if not took:
        return None
    lengths = sorted(seconds for seconds, _ in took)
    # A few that took for ever would press all others into one column: these few share the last one.
    usual = 3 * lengths[int(0.95 * (len(lengths) - 1))]
    top = max(min(lengths[-1], usual) * 1.001, 0.01)
    edges = [top * n / _COLUMNS for n in range(1, _COLUMNS)]
    heaps = [[0, 0] for _ in range(_COLUMNS)]
    for seconds, ok in took:
        heaps[bisect_right(edges, seconds)][not ok] += 1
    highest, width = max(map(sum, heaps)), WIDTH / _COLUMNS
    return Durations(
        tuple(_column(n, heap, highest, width, top / _COLUMNS) for n, heap in enumerate(heaps) if sum(heap)),
        ticks(top, 4),
        *(elapsed(lengths[int(share * (len(lengths) - 1))]) for share in (0.5, 0.95, 1)),
    )


def _column(number: int, heap: list[int], highest: int, width: float, step: float) -> Column:
    ok, trouble = (HEIGHT * count / highest for count in heap)
    until = f"{elapsed(number * step)} to {elapsed((number + 1) * step)}"
    if number == _COLUMNS - 1:
        until = f"{elapsed(number * step)} and more"
    told = f"{sum(heap):,} took {until}" + (f", {heap[1]:,} of them not ok" if heap[1] else "")
    return Column(round(number * width, 1), round(width - 1.5, 1), round(ok, 1), round(trouble, 1), told)


def progress(ends: Sequence[tuple[float, bool]], span: float, hosts: int) -> Progress:
    """Of each host that ended, when, and whether it is ok."""
    ordered = sorted(ends)
    done = [at for at, _ in ordered]
    trouble = [at for at, ok in ordered if not ok]
    return Progress(_line(done, span, hosts), _line(trouble, span, hosts) if trouble else "")


def _line(times: Sequence[float], span: float, hosts: int) -> str:
    """A staircase; of thousands of steps those that can be seen."""
    every = max(1, math.ceil(len(times) / _MOST_POINTS))
    points, height = [f"0,{HEIGHT}"], float(HEIGHT)
    for number in [*range(every, len(times), every), len(times)]:
        x = WIDTH * times[number - 1] / span if number else 0.0
        points.append(f"{x:.1f},{height:.1f}")
        height = HEIGHT * (1 - number / max(1, hosts))
        points.append(f"{x:.1f},{height:.1f}")
    return " ".join([*points, f"{WIDTH},{height:.1f}"])


def _round_step(least: float) -> float:
    """1, 2 or 5 of some power of ten seconds, or a round number of minutes or hours."""
    if least > 60:
        minutes = (60, 120, 300, 600, 1800, 3600, 7200, 21_600, 43_200, 86_400)
        return float(next((step for step in minutes if step >= least), 86_400 * math.ceil(least / 86_400)))
    power: float = 10 ** math.floor(math.log10(least))
    return next(step for n in (1, 2, 5, 10) if (step := n * power) >= least * (1 - 1e-9))
