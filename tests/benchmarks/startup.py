"""What it costs to start: `fleetctl --version` and friends, against `ssh -V` and the bare interpreter.

python -m tests.benchmarks.startup
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.benchmarks.measure import take_turns
from tests.support.fleetctl import SCRIPT

ROUNDS = 15


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="fleetctl-bench-") as name:
        inventory = Path(name) / "inventory.yaml"
        inventory.write_text("hosts: web[001-250]\n")
        costs = take_turns(
            {
                "python -c pass": (sys.executable, "-c", "pass"),
                "ssh -V": ("ssh", "-V"),
                "fleetctl --version": (SCRIPT, "--version"),
                "fleetctl --help": (SCRIPT, "--help"),
                "fleetctl hosts": (SCRIPT, "hosts", "-i", inventory),
                "fleetctl run --dry-run": (SCRIPT, "run", "-i", inventory, "--dry-run", "df"),
            },
            ROUNDS,
        )
    print(f"{'start-up':<24}{'CPU s':>8}{'wall s':>8}{'MiB':>6}")
    for command, cost in costs.items():
        print(f"{command:<24}{cost.cpu:>8.3f}{cost.wall:>8.3f}{cost.peak:>6.0f}")


if __name__ == "__main__":
    main()
