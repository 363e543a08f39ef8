"""What 10,000 hosts cost to load, select and fold, by the shape of their names: seconds of CPU, medians.

python -m tests.benchmarks.inventory
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TypeVar

from fleetctl.inventory import load
from fleetctl.nodes import fold

HOSTS = 10_000
ROUNDS = 5

T = TypeVar("T")
STREWN = random.Random(1)
SHAPES = {
    "web00001": [f"web{n:05}.example.com" for n in range(HOSTS)],
    "10.x.y.z": [f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in STREWN.sample(range(1 << 24), HOSTS)],
    "r01c02n03": [f"r{n // 1600:02}c{n // 40 % 40:02}n{n % 40:02}" for n in STREWN.sample(range(64_000), HOSTS)],
}


def main() -> None:
    print(f"{f'{HOSTS:,} hosts':<16}{'load s':>9}{'select s':>9}{'fold s':>9}")
    for shape, names in SHAPES.items():
        rounds = [costs(names) for _ in range(ROUNDS)]
        print(f"{shape:<16}" + "".join(f"{median(column):>9.3f}" for column in zip(*rounds, strict=True)))


def costs(names: list[str]) -> tuple[float, float, float]:
    """Seconds to load the hosts, all in one group, to select that group, and to fold its names."""
    with tempfile.TemporaryDirectory(prefix="fleetctl-bench-") as directory:
        path = Path(directory) / "inventory.yaml"
        path.write_text("groups:\n  g:\n    hosts:\n" + "".join(f"      - {name}\n" for name in names))
        loading, inventory = timed(lambda: load([path]))
    selecting, selected = timed(lambda: inventory.select("@g"))
    folding, _ = timed(lambda: fold(selected))
    return loading, selecting, folding


def timed(act: Callable[[], T]) -> tuple[float, T]:
    """The seconds of CPU that something took, and what came of it."""
    begun = time.process_time()
    result = act()
    return time.process_time() - begun, result


if __name__ == "__main__":
    main()
