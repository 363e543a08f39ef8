"""What 10,000 hosts cost to load, select and fold, by the shape of their names, and 5,000 to resolve against an
ssh_config of 500 Host blocks: seconds of CPU, medians.

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

from fleetctl.inventory import load, ssh_config_sources
from fleetctl.nodes import fold

HOSTS = 10_000
RESOLVED = 5_000
BLOCKS = 500
ROUNDS = 5

T = TypeVar("T")
STREWN = random.Random(1)
SHAPES = {
    "web00001": [f"web{n:05}.example.com" for n in range(HOSTS)],
    "10.x.y.z": [f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in STREWN.sample(range(1 << 24), HOSTS)],
    "r01c02n03": [f"r{n // 1600:02}c{n // 40 % 40:02}n{n % 40:02}" for n in STREWN.sample(range(64_000), HOSTS)],
}
PATTERNS = {
    "no Host blocks": "",
    "500 names": "web{:04}.example.com",
    "500 web0000*": "web{:04}*",
    "500 *0000*.com": "*{:04}*.com",
}


def main() -> None:
    print(f"{f'{HOSTS:,} hosts':<16}{'load s':>9}{'select s':>9}{'fold s':>9}")
    for shape, names in SHAPES.items():
        rounds = [costs(names) for _ in range(ROUNDS)]
        print(f"{shape:<16}" + "".join(f"{median(column):>9.3f}" for column in zip(*rounds, strict=True)))
    print(f"{f'{RESOLVED:,} hosts':<16}{'resolve s':>9}")
    for kind, pattern in PATTERNS.items():
        print(f"{kind:<16}{median(resolving(pattern) for _ in range(ROUNDS)):>9.3f}")


def resolving(pattern: str) -> float:
    """Seconds to resolve hosts against Host blocks with patterns such as these; "" for none."""
    with tempfile.TemporaryDirectory(prefix="fleetctl-bench-") as directory:
        inventory, config = Path(directory) / "inventory.yaml", Path(directory) / "config"
        inventory.write_text(f"hosts: web[0000-{RESOLVED - 1:04}].example.com\n")
        names = [pattern.format(number * RESOLVED // BLOCKS) for number in range(BLOCKS if pattern else 0)]
        blocks = [f"Host {name}\n  User u\n  IdentityFile ~/{name[-3:]}\n" for name in names]
        config.write_text("".join([*blocks, "Host *\n  ServerAliveInterval 15\n  SendEnv LANG LC_*\n"]))
        loaded = load([inventory], ssh_config_sources(config))
        return timed(lambda: loaded.places(loaded.names))[0]


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
