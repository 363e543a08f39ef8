"""In what order a run takes its hosts, and which of them when it is to take only some."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from enum import StrEnum


class Order(StrEnum):
    """`FAILED_FIRST` begins with the hosts that were not ok in the last run."""

    INVENTORY = "inventory"
    RANDOM = "random"
    FAILED_FIRST = "failed-first"


def arranged(
    names: Sequence[str],
    order: Order = Order.INVENTORY,
    pick: int | None = None,
    not_ok: Callable[[], Collection[str]] = tuple,
    chance: random.Random | None = None,
) -> list[str]:
    """The names in that order; with `pick` so many of them, taken at random before.

    Args:
        not_ok: tells the hosts that were not ok in the last run; asked only where it matters.
        chance: decides.
    """
    dice = chance or random.SystemRandom()
    picked = set(names if pick is None else dice.sample(list(names), min(pick, len(names))))
    left = [name for name in names if name in picked]
    if order is Order.RANDOM:
        dice.shuffle(left)
    elif order is Order.FAILED_FIRST:
        first = set(not_ok())
        left.sort(key=lambda name: name not in first)
    return left
