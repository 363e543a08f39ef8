"""What whole processes cost, as the kernel counts it, side by side in one run.

A machine is never quiet: commands take turns, round after round, and the ratio of medians is what counts.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

Command = Sequence[str | Path]


@dataclass(frozen=True)
class Cost:
    """One process and the children it waited for: seconds of CPU and of wall clock, peak memory in MiB.

    The peak is that of the largest of them, and never less than what the process that measures had.
    """

    cpu: float
    wall: float
    peak: float


def cost(command: Command, env: Mapping[str, str] | None = None, exit_code: int = 0) -> Cost:
    """Run a command to its end, its output thrown away.

    Raises: RuntimeError with what it said on stderr when it does not end with `exit_code`.
    """
    read, write = os.pipe()
    begun = time.perf_counter()
    with open(read, "rb") as said:
        process = subprocess.Popen(
            list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=write, env=env
        )
        os.close(write)
        words = said.read().decode(errors="replace")
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != exit_code:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}: {words[-2000:]}")
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024)


def take_turns(
    commands: Mapping[str, Command],
    rounds: int,
    before: Callable[[], None] = lambda: None,
    after: Callable[[], None] = lambda: None,
    warm_up: int = 1,
) -> dict[str, Cost]:
    """The median cost of each command over `rounds`, after `warm_up` rounds that do not count.

    Args:
        before: called before each process.
        after: called after each; may raise when the process did not do its work.
    """
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for number in range(warm_up + rounds):
        for name, command in commands.items():
            before()
            one = cost(command)
            after()
            if number >= warm_up:
                costs[name].append(one)
    return {name: _median(some) for name, some in costs.items()}


def _median(costs: Sequence[Cost]) -> Cost:
    return Cost(median(c.cpu for c in costs), median(c.wall for c in costs), median(c.peak for c in costs))
