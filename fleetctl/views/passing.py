"""Which steps of a job all hosts of a batch have behind them, whether they did them or will never come to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


class Passing:
    """Costs a little for each move, however many hosts there are. For one thread.

    Args:
        steps: how many there are, handlers included.
    """

    def __init__(self, hosts: Iterable[str], steps: int) -> None:
        self._past = dict.fromkeys(hosts, 0)
        self._standing = Counter({0: len(self._past)})
        self._steps = steps
        self._lowest = 0

    def move(self, host: str, past: int) -> range:
        """A host has steps up to that number behind it. Returns: the numbers that all have now, and had not before."""
        before = self._past.get(host)
        if before is None or past <= before:
            return range(0)
        self._standing[before] -= 1
        self._standing[past] += 1
        self._past[host] = past
        return self._passed()

    def leave(self, host: str) -> range:
        """The same for a host that comes to no further step."""
        return self.move(host, self._steps)

    def rest(self) -> range:
        """The numbers of those that not all have behind them: nothing more will be heard of them."""
        first, self._lowest = self._lowest + 1, self._steps
        return range(first, self._steps + 1)

    def _passed(self) -> range:
        first = self._lowest + 1
        while self._lowest < self._steps and not self._standing[self._lowest]:
            self._lowest += 1
        return range(first, self._lowest + 1)
