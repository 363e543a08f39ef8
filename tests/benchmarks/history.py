"""What keeping a run costs: `fleetctl run` on 250 hosts and on one, with history and without it, in turns.

python -m tests.benchmarks.history [ROUNDS]

The database is on a real disk and has runs of each round before, as a user's has.
"""

from __future__ import annotations

import sys

from tests.benchmarks.fleet import Fleet, fleet
from tests.benchmarks.measure import Command, take_turns
from tests.support.fleetctl import SCRIPT

HOSTS = 250
FANOUT = 64
ROUNDS = 9
_LINES = "seq -f 'a line of output, number %.0f' 2000"
"""80 KB from each host."""


def commands(served: Fleet) -> dict[str, Command]:
    """The same run kept and not kept, by turns, so that what else the machine does meets both."""
    state = served.directory / "state"
    state.mkdir()
    ours = ("env", f"XDG_STATE_HOME={state}", SCRIPT, "run", "-f", str(FANOUT), "-i", served.inventory)
    runs: dict[str, Command] = {"df": ("df",), "80 KB each": (_LINES,), "df on one host": ("-t", "h001", "df")}
    return {
        f"{name}, {kept}": (*ours, *option, *words)
        for name, words in runs.items()
        for kept, option in (("not kept", ("--no-history",)), ("kept", ()))
    }


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with fleet(HOSTS) as served:
        costs = take_turns(commands(served), rounds)
        size = sum(file.stat().st_size for file in (served.directory / "state").rglob("*") if file.is_file())
    print(f"{HOSTS} hosts, {FANOUT} at once, medians of {rounds} rounds; history then has {size / 2**20:.1f} MiB")
    print(f"{'':<28}{'CPU s':>8}{'wall s':>8}{'MiB':>6}{'CPU / without':>15}{'wall / without':>16}")
    for name, cost in costs.items():
        without = costs[f"{name.rpartition(',')[0]}, not kept"]
        row = f"{name:<28}{cost.cpu:>8.3f}{cost.wall:>8.3f}{cost.peak:>6.0f}"
        print(f"{row}{cost.cpu / without.cpu:>15.3f}{cost.wall / without.wall:>16.3f}")


if __name__ == "__main__":
    main()
